// Which new passwords are refused: those that are tried first. Length is the schema's business; nothing else is demanded.
import { Fault } from '@ridethrough/protocol/fault.ts'
import { GUESSED_WORDS, OWN_WORDS, RUNS } from './password-words.ts'

/** What others may know about whoever chooses. */
export type Known = { readonly email: string; readonly name?: string; readonly company?: string }

/** A password of nothing but known parts and this much else is as good as known. */
const MOST_ELSE = 3
/** What people append to satisfy a rule: a year, a number, an exclamation mark. */
const APPENDED = /^[^\p{L} ]{1,2}|[^\p{L} ]{1,8}$/gu
const SHORTEST_RUN = 4
const SHORTEST_PART = 3
const LONGEST_PERIOD = 5

const PARTS = byLength([...GUESSED_WORDS, ...OWN_WORDS])
const LINES = RUNS.flatMap((run) => [run, [...run].reverse().join('')])

/** Throws `password-common`. Nothing is asked over the network: what is chosen here stays here. */
export function checkNewPassword(password: string, known: Known): void {
  const why = weaknessOf(password, known)
  if (why === undefined) return
  throw new Fault('password-common', `Choose another password: ${why}`, {
    fields: [{ path: 'password', message: why }],
  })
}

export function weaknessOf(password: string, known: Known): string | undefined {
  const plain = plainOf(password)
  const own = byLength(partsOf(known))
  if (own.some((part) => plain.includes(part)) && isMadeOf(plain, own)) {
    return 'it is made of your name, address or company'
  }
  if (isRepeated(plain)) return 'it repeats itself'
  // As it stands, and with look-alikes read as letters: `p4ssw0rd` is no better than the word.
  const isGuessed = [plain, lettersOf(plain)].some((text) => isMadeOf(text, [...own, ...PARTS]))
  return isGuessed ? 'it is among the most guessed ones' : undefined
}

/** Whether next to nothing is left once the parts, the runs and what is commonly appended are taken out. */
function isMadeOf(text: string, parts: readonly string[]): boolean {
  const rest = withoutRuns(parts.reduce((left, part) => left.replaceAll(part, ' '), text))
  return rest !== text && rest.replace(APPENDED, '').replaceAll(' ', '').length <= MOST_ELSE
}

function withoutRuns(text: string): string {
  let rest = ''
  for (let at = 0; at < text.length; ) {
    const length = runAt(text, at)
    rest += length >= SHORTEST_RUN ? ' ' : (text[at] ?? '')
    at += length >= SHORTEST_RUN ? length : 1
  }
  return rest
}

/** How many characters from here on follow one of the lines. */
function runAt(text: string, at: number): number {
  let longest = 0
  for (const line of LINES) {
    while (at + longest < text.length && line.includes(text.slice(at, at + longest + 1))) longest += 1
  }
  return longest
}

/** `aaaaaaaaaa`, `abcabcabcabc`, `1212112212`. */
function isRepeated(text: string): boolean {
  for (let period = 1; period <= LONGEST_PERIOD; period++) {
    if ([...text].every((character, at, all) => at < period || character === all[at - period])) return true
  }
  return new Set(text).size <= 3
}

function partsOf({ email, name = '', company = '' }: Known): string[] {
  const [local = '', domain = ''] = email.split('@')
  const pieces = [local, name, company].flatMap((text) => text.split(/[\s._+-]+/))
  return [email, local, domain, domain.split('.')[0] ?? '', name, company, ...pieces].map(plainOf)
}

function plainOf(text: string): string {
  return text.normalize('NFKC').toLowerCase().replace(/\s+/g, '')
}

const LOOK_ALIKES: ReadonlyMap<string, string> = new Map(
  Object.entries({ 0: 'o', 1: 'i', 3: 'e', 4: 'a', 5: 's', 7: 't', '@': 'a', $: 's', '!': 'i', '+': 't' }),
)

/** Only beside a letter, or before one: digits at the end are digits. */
function lettersOf(text: string): string {
  return text.replace(
    /(?<=\p{L}[013457@$!+]?)[013457@$!+]|[013457@$!+](?=.*\p{L})/gu,
    (mark) => LOOK_ALIKES.get(mark) ?? mark,
  )
}

/** The longest first, so that a short part does not break a long one. */
function byLength(parts: readonly string[]): string[] {
  return [...new Set(parts)].filter((part) => part.length >= SHORTEST_PART).sort((a, b) => b.length - a.length)
}
