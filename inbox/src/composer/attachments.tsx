/** Files that go with a message: chosen, pasted or dropped. What WhatsApp does not take is said before anything is sent. */
import { FileText, Film, Image as ImageIcon, Music, X } from "lucide-react";
import { useMemo, useState } from "react";
import type { OutgoingContent } from "../../../src/contract/outgoing.ts";
import { useText } from "../app/text.tsx";
import { Bdi } from "../ui/bits.tsx";
import { IconButton } from "../ui/button.tsx";
import { showToast } from "../ui/toast.tsx";

export type Files = { list: readonly File[]; add: (files: Iterable<File>) => void; remove: (file: File) => void; clear: () => void };

const filesMax = 10;
const mib = 2 ** 20;
/** Meta's limits; the server judges by the bytes themselves. */
const bytesMax = { image: 5 * mib, video: 16 * mib, audio: 16 * mib, document: 100 * mib } as const;
type Kind = keyof typeof bytesMax;

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
          const isTaken = file.size > 0 && file.size <= bytesMax[kindOf(file)];
          if (!isTaken) showToast("error", text("file_too_large", { name: file.name, megabytes: bytesMax[kindOf(file)] / mib }));
          return isTaken;
        });
        setList((before) => [...before, ...taken].slice(0, filesMax));
      },
      remove: (file) => setList((before) => before.filter((one) => one !== file)),
      clear: () => setList([]),
    }),
    [list, text],
  );
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
    <ul aria-label={text("files")} className="flex flex-wrap gap-2 border-b border-line px-4 py-2">
      {files.list.map((file) => {
        const Icon = icons[kindOf(file)];
        return (
          <li
            key={`${file.name} ${file.lastModified} ${file.size}`}
            className="flex max-w-64 items-center gap-2 rounded-lg bg-sunken ps-2.5 text-sm"
          >
            <Icon size={17} aria-hidden className="shrink-0 text-soft" />
            <Bdi className="min-w-0 truncate">{file.name}</Bdi>
            <IconButton label={text("file_remove", { name: file.name })} onClick={() => files.remove(file)} className="size-8">
              <X size={15} aria-hidden />
            </IconButton>
          </li>
        );
      })}
    </ul>
  );
}
