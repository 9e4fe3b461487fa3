// What a mail's link carries behind the `#`: never sent to a server, and taken out of the address bar once read.

/** Reads `#a=…&b=…`. */
export function readFragment(hash: string): URLSearchParams {
  return new URLSearchParams(hash.replace(/^#/, ''))
}

/** A place within this console, or `undefined`: never another site, whatever a link says. */
export function localPath(text: unknown): string | undefined {
  if (typeof text !== 'string' || !text.startsWith('/') || /^[/\\]{2}|[\\\s]/.test(text)) return undefined
  return text
}
