// Names that others chose, in mails that we send: they must not become a link of theirs.

/** The name on one line, with what mail programs would make a link of taken apart. Names without such things stay as they are. */
export function withoutLinks(name: string): string {
  return name
    .replace(/[/\\]+/g, ' / ')
    .replaceAll('@', ' at ')
    .replace(/(?<=\p{L})\.(?=\S)|(?<=\S)\.(?=\p{L})/gu, ' ')
    .replace(/\bwww\b/giu, 'w w w')
    .replace(/[\s\p{Cc}]+/gu, ' ')
    .trim()
}
