// What a device's state means to somebody who looks at it: one tone, the words that matter first, and how urgent it is.
import type { StateView } from '@ridethrough/protocol/http/device.ts'
import { meaningOf, parseStatus, type StatusMeaning } from '@ridethrough/protocol/status.ts'

/** Tones have a colour and an icon each, and are never told apart by colour alone. */
export type Tone = 'normal' | 'notice' | 'special' | 'warning' | 'battery' | 'critical' | 'silent' | 'waiting'

export type Condition = {
  readonly tone: Tone
  /** Status words, the most urgent first; when silent, the last known ones. */
  readonly words: readonly string[]
  /** 0 is what must be seen first. */
  readonly rank: number
}

const URGENCY: readonly StatusMeaning['severity'][] = ['critical', 'warning', 'notice', 'normal']
const TONE_OF_WORD: Readonly<Record<string, Tone>> = {
  OB: 'battery',
  BYPASS: 'special',
  TEST: 'special',
  CAL: 'special',
}
const TONE_OF_SEVERITY: Readonly<Record<StatusMeaning['severity'], Tone>> = {
  critical: 'critical',
  warning: 'warning',
  notice: 'notice',
  normal: 'normal',
}
/** Words that another word says already. */
const IMPLIED: Readonly<Record<string, string>> = { DISCHRG: 'OB' }
const ORDER: readonly Tone[] = ['critical', 'battery', 'silent', 'warning', 'special', 'waiting', 'notice', 'normal']

export function conditionOf(state: StateView): Condition {
  const words = shownWords(state.status ?? '')
  const known = toneOf(words)
  const tone = state.stale || state.problem ? 'silent' : words.length === 0 ? 'waiting' : known
  // Silent after "low battery" is worse than either alone: it keeps the place of what was last known.
  const worst = tone === 'silent' && words.length > 0 ? [tone, known] : [tone]
  return {
    tone: tone === 'silent' && state.at === null && !state.silence && !state.problem ? 'waiting' : tone,
    words,
    rank: Math.min(...worst.map((each) => ORDER.indexOf(each))),
  }
}

function shownWords(status: string): string[] {
  const words = parseStatus(status)
  return words.filter((word) => !words.includes(IMPLIED[word] ?? '')).toSorted((a, b) => urgencyOf(a) - urgencyOf(b))
}

function toneOf(words: readonly string[]): Tone {
  const [first] = words
  return first === undefined ? 'waiting' : (TONE_OF_WORD[first] ?? TONE_OF_SEVERITY[meaningOf(first).severity])
}

function urgencyOf(word: string): number {
  return URGENCY.indexOf(meaningOf(word).severity)
}
