// Codes that people type: Crockford's base 32, in groups, forgiving about case, dashes and look-alikes.

const ALPHABET = '0123456789ABCDEFGHJKMNPQRSTVWXYZ'

/** Renders random bytes (5 bits a character; 16 bytes give a claim code of 26) in groups of `group`. */
export function formatCode(bytes: Uint8Array, group: number): string {
  let bits = 0
  let held = 0
  let text = ''
  for (const byte of bytes) {
    held = (held << 8) | byte
    bits += 8
    while (bits >= 5) {
      text += ALPHABET[(held >>> (bits - 5)) & 31]
      bits -= 5
    }
    held &= (1 << bits) - 1
  }
  if (bits > 0) text += ALPHABET[(held << (5 - bits)) & 31]
  return text.match(new RegExp(`.{1,${group}}`, 'g'))?.join('-') ?? ''
}

/** What is hashed and compared: upper case, without separators, O read as 0, I and L as 1. */
export function normaliseCode(text: string): string {
  return text.toUpperCase().replace(/[\s-]/g, '').replace(/O/g, '0').replace(/[IL]/g, '1')
}
