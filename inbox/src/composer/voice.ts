/**
 * Voice messages as Ogg with Opus, which is what WhatsApp shows as a voice note (PLATFORM section 8). Firefox records it; of the others the WebM
 * that they record is put into Ogg. A browser that makes neither is offered none.
 */
const forms = ["audio/ogg;codecs=opus", "audio/webm;codecs=opus"] as const;
const form: (typeof forms)[number] | null =
  typeof MediaRecorder === "undefined" || !("mediaDevices" in navigator)
    ? null
    : (forms.find((mimeType) => MediaRecorder.isTypeSupported(mimeType)) ?? null);
export const canRecord = form !== null;

export type VoiceFile = { blob: Blob; name: string };
export type Recording = {
  /** The file; null when nothing was heard. */
  stop: () => Promise<VoiceFile | null>;
  /** Hears no more; what was heard can still be had. */
  pause: () => void;
  cancel: () => void;
};

/** Throws what the browser says when it gets no microphone. */
export async function startRecording(): Promise<Recording> {
  if (form === null) throw new Error("This browser makes no sound that WhatsApp takes");
  const mimeType = form;
  // One channel: WhatsApp takes no other Opus.
  const stream = await navigator.mediaDevices.getUserMedia({ audio: { channelCount: 1, echoCancellation: true, noiseSuppression: true } });
  const recorder = new MediaRecorder(stream, { mimeType, audioBitsPerSecond: 32_000 });
  const parts: Blob[] = [];
  recorder.addEventListener("dataavailable", ({ data }) => parts.push(data));
  const ended = new Promise<void>((resolve) => recorder.addEventListener("stop", () => resolve(), { once: true }));
  recorder.start();
  const end = (): void => {
    if (recorder.state !== "inactive") recorder.stop();
    for (const track of stream.getTracks()) track.stop();
  };
  return {
    async stop() {
      end();
      await ended;
      const heard = new Blob(parts, { type: "audio/ogg" });
      if (heard.size === 0) return null;
      const blob = mimeType.startsWith("audio/ogg") ? heard : await inOgg(heard);
      return { blob, name: "voice.ogg" };
    },
    pause() {
      if (recorder.state === "recording") recorder.pause();
    },
    cancel: end,
  };
}

async function inOgg(webm: Blob): Promise<Blob> {
  const { oggOfWebm } = await import("./webm-to-ogg.ts");
  return new Blob([oggOfWebm(new Uint8Array(await webm.arrayBuffer()))], { type: "audio/ogg" });
}
