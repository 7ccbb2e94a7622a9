/** Runs once the frame that is being drawn is on the screen; the answer calls it off. */
export function afterPaint(run: () => void): () => void {
  let timer: ReturnType<typeof setTimeout> | null = null;
  const frame = requestAnimationFrame(() => {
    // A frame's callbacks run before it is drawn; what they put off, after it.
    timer = setTimeout(run);
  });
  return () => {
    cancelAnimationFrame(frame);
    if (timer !== null) clearTimeout(timer);
  };
}
