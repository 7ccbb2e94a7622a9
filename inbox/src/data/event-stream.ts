/** Server-sent events as they come; read by `fetch`, since an EventSource shows neither comments nor the status of a refusal. */
export type StreamPart = { kind: "comment"; text: string } | { kind: "event"; id: string; data: string };

/** One event must fit; a stream that never ends a line is cut. */
const bufferCharsMax = 2 ** 20;

export async function* readEventStream(body: ReadableStream<Uint8Array>): AsyncGenerator<StreamPart> {
  const reader = body.getReader();
  const decoder = new TextDecoder();
  let buffer = "";
  let id = "";
  let data: string[] = [];
  try {
    for (;;) {
      const { done, value } = await reader.read();
      if (done) return;
      buffer += decoder.decode(value, { stream: true });
      const lines = buffer.split("\n");
      buffer = lines.pop() ?? "";
      if (buffer.length > bufferCharsMax) return;
      for (const raw of lines) {
        const line = raw.endsWith("\r") ? raw.slice(0, -1) : raw;
        if (line === "") {
          if (data.length > 0) yield { kind: "event", id, data: data.join("\n") };
          data = [];
        } else if (line.startsWith(":")) yield { kind: "comment", text: line.slice(1).trim() };
        else if (line.startsWith("id:")) id = line.slice(3).trim();
        else if (line.startsWith("data:")) data.push(line.slice(line.startsWith("data: ") ? 6 : 5));
      }
    }
  } finally {
    await reader.cancel().catch(() => undefined);
  }
}
