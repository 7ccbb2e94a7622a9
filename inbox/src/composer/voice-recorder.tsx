import { SendHorizontal, Trash2 } from "lucide-react";
import { useEffect, useEffectEvent, useRef, useState } from "react";
import { useFormats, useText } from "../app/text.tsx";
import { nowMs, useNow } from "../data/clock.ts";
import { IconButton } from "../ui/button.tsx";
import { showToast } from "../ui/toast.tsx";
import { startRecording, type Recording, type VoiceFile } from "./voice.ts";

/** Longer than any voice note, and far below Meta's 16 MB. */
const recordedMsMax = 15 * 60_000;

/** In the place of the text while somebody speaks. `onDone(null)`: nothing is sent. */
export function VoiceRecorder({ onDone }: { onDone: (file: VoiceFile | null) => void }) {
  const text = useText();
  const formats = useFormats();
  const [sinceMs, setSinceMs] = useState<number | null>(null);
  const recording = useRef<Recording | null>(null);
  const now = useNow();
  const lastedMs = sinceMs === null ? 0 : Math.max(0, now - sinceMs);
  const fail = useEffectEvent(() => {
    showToast("error", text("voice_refused"));
    onDone(null);
  });
  useEffect(() => {
    let isWanted = true;
    startRecording().then(
      (started) => {
        if (isWanted) {
          recording.current = started;
          setSinceMs(nowMs());
        } else started.cancel();
        return undefined;
      },
      () => {
        if (isWanted) fail();
      },
    );
    return () => {
      isWanted = false;
      recording.current?.cancel();
    };
  }, []);
  const finish = async (): Promise<void> => {
    const taken = recording.current;
    recording.current = null;
    try {
      onDone((await taken?.stop()) ?? null);
    } catch {
      showToast("error", text("voice_failed"));
      onDone(null);
    }
  };
  const isOver = lastedMs >= recordedMsMax;
  useEffect(() => {
    if (isOver) recording.current?.pause();
  }, [isOver]);
  return (
    <div role="group" aria-label={text("voice_record")} className="flex items-center gap-3 px-3 py-2">
      <IconButton label={text("voice_discard")} onClick={() => onDone(null)}>
        <Trash2 size={19} aria-hidden />
      </IconButton>
      <span aria-hidden className="size-2.5 animate-pulse rounded-full bg-danger" />
      <span role="status" className="text-sm text-soft">
        {text(sinceMs === null ? "voice_waiting" : isOver ? "voice_long" : "voice_recording")}
      </span>
      <bdi dir="ltr" className="grow text-start tabular-nums">
        {formats.countdown(Math.min(lastedMs, recordedMsMax))}
      </bdi>
      <button
        type="button"
        disabled={sinceMs === null}
        onClick={() => void finish()}
        aria-label={text("voice_send")}
        title={text("voice_send")}
        className="grid size-10 shrink-0 place-items-center rounded-xl bg-accent text-accent-ink hover:bg-accent-strong disabled:bg-sunken disabled:text-faint"
      >
        <SendHorizontal size={19} aria-hidden className="directional" />
      </button>
    </div>
  );
}
