/** Files that go with a message: chosen, pasted or dropped. What WhatsApp does not take is said before anything is sent. */
import { FileText, Film, Image as ImageIcon, Music, X } from "lucide-react";
import { useEffect, useMemo, useState } from "react";
import type { OutgoingContent } from "../../../src/contract/outgoing.ts";
import { useFormats, useText } from "../app/text.tsx";
import { Bdi } from "../ui/bits.tsx";
import { IconButton } from "../ui/button.tsx";
import { showToast } from "../ui/toast.tsx";

export type Files = { list: readonly File[]; add: (files: Iterable<File>) => void; remove: (file: File) => void; clear: () => void };

const filesMax = 10;
const mib = 2 ** 20;
/** Meta's limits; the server judges by the bytes themselves. */
const bytesMax = { image: 5 * mib, video: 16 * mib, audio: 16 * mib, document: 100 * mib } as const;
type Kind = keyof typeof bytesMax;
/** What Meta takes (`core/media-type.ts`). The browser greys out the rest; what is dropped or pasted all the same is told before anything is sent. */
const documentTypes = [
  "text/plain",
  "application/pdf",
  "application/msword",
  "application/vnd.ms-excel",
  "application/vnd.ms-powerpoint",
  "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
  "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
  "application/vnd.openxmlformats-officedocument.presentationml.presentation",
];
const takenTypes: ReadonlySet<string> = new Set([
  "image/jpeg",
  "image/png",
  "video/mp4",
  "video/3gpp",
  "audio/aac",
  "audio/mp4",
  "audio/x-m4a",
  "audio/mpeg",
  "audio/amr",
  "audio/ogg",
  ...documentTypes,
]);
export const acceptedFiles = [...takenTypes].join(",");

function kindOf({ type }: File): Kind {
  if (type === "image/jpeg" || type === "image/png") return "image";
  if (type === "video/mp4" || type === "video/3gpp") return "video";
  if (/^audio\/(?:aac|mp4|mpeg|amr|ogg)/.test(type)) return "audio";
  return "document";
}

export function useFiles(): Files {
  const text = useText();
  const [list, setList] = useState<readonly File[]>([]);
  return useMemo(
    () => ({
      list,
      add(files) {
        const taken = [...files].filter((file) => {
          // Without a type the bytes decide, at the server.
          if (file.type !== "" && !takenTypes.has(plainType(file))) {
            showToast("error", text("file_not_taken", { name: `\u2068${file.name}\u2069` }));
            return false;
          }
          const isTaken = file.size > 0 && file.size <= bytesMax[kindOf(file)];
          if (!isTaken)
            showToast("error", text("file_too_large", { name: `\u2068${file.name}\u2069`, megabytes: bytesMax[kindOf(file)] / mib }));
          return isTaken;
        });
        if (taken.length > filesMax) showToast("error", text("files_too_many", { max: filesMax }));
        setList((before) => [...before, ...taken].slice(0, filesMax));
      },
      remove: (file) => setList((before) => before.filter((one) => one !== file)),
      clear: () => setList([]),
    }),
    [list, text],
  );
}

export function contentOfVoice(): OutgoingContent {
  return { type: "audio", media: { mediaId: "" }, voice: true };
}

function plainType({ type }: File): string {
  return type.split(";", 1)[0] ?? "";
}

/** The file itself is named once it was uploaded. */
export function contentOfFile(file: File, caption: string): OutgoingContent {
  const media = { mediaId: "" };
  const said = caption === "" ? {} : { caption };
  const kind = kindOf(file);
  switch (kind) {
    case "image":
    case "video":
      return { type: kind, media, ...said };
    case "audio":
      return { type: "audio", media };
    case "document":
      return { type: "document", media, filename: file.name, ...said };
    default:
      return kind satisfies never;
  }
}

const icons = { image: ImageIcon, video: Film, audio: Music, document: FileText } as const;

export function FilesBar({ files }: { files: Files }) {
  const text = useText();
  if (files.list.length === 0) return null;
  return (
    <ul aria-label={text("files")} className="flex max-h-48 flex-wrap gap-2 overflow-y-auto border-b border-line px-4 py-2">
      {files.list.map((file) => (
        <FileItem key={`${file.name} ${file.lastModified} ${file.size}`} file={file} onRemove={() => files.remove(file)} />
      ))}
    </ul>
  );
}

function FileItem({ file, onRemove }: { file: File; onRemove: () => void }) {
  const text = useText();
  const formats = useFormats();
  const kind = kindOf(file);
  const url = useFileUrl(file, kind === "image" || kind === "video");
  const Icon = icons[kind];
  return (
    <li className="flex max-w-72 items-center gap-2 rounded-lg bg-sunken ps-1.5 text-sm">
      {url === null ? (
        <Icon size={17} aria-hidden className="ms-1 shrink-0 text-soft" />
      ) : kind === "image" ? (
        <img src={url} alt="" className="my-1.5 size-12 shrink-0 rounded-md object-cover" />
      ) : (
        <video src={url} muted preload="metadata" tabIndex={-1} className="my-1.5 size-12 shrink-0 rounded-md object-cover" />
      )}
      <span className="flex min-w-0 flex-col py-1">
        <Bdi className="truncate">{file.name}</Bdi>
        <span className="text-xs text-faint">
          {text("file_size", { size: `\u2066${formats.bytes(file.size)}\u2069`, max: `\u2066${formats.bytes(bytesMax[kind])}\u2069` })}
        </span>
      </span>
      <IconButton label={text("file_remove", { name: file.name })} onClick={onRemove} className="size-8">
        <X size={15} aria-hidden />
      </IconButton>
    </li>
  );
}

/** Its own bytes, as long as it is shown. */
function useFileUrl(file: File, isWanted: boolean): string | null {
  const [url, setUrl] = useState<string | null>(null);
  useEffect(() => {
    if (!isWanted) return undefined;
    const made = URL.createObjectURL(file);
    setUrl(made);
    return () => URL.revokeObjectURL(made);
  }, [file, isWanted]);
  return url;
}
