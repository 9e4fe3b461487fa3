// The words of ups.status (RFC 9271 section 5.1 and NUT's documentation), and what each means to a person.

export type StatusMeaning = {
  /** Sentence-case label for people. */
  readonly label: string
  /** How urgent it is: `normal` is quiet, `notice` is out of the ordinary, `warning` needs somebody, `critical` needs them now. */
  readonly severity: 'normal' | 'notice' | 'warning' | 'critical'
}

export const STATUS_WORDS = {
  OL: { label: 'On line', severity: 'normal' },
  OB: { label: 'On battery', severity: 'warning' },
  LB: { label: 'Low battery', severity: 'critical' },
  HB: { label: 'High battery', severity: 'notice' },
  RB: { label: 'Replace battery', severity: 'warning' },
  CHRG: { label: 'Charging', severity: 'normal' },
  DISCHRG: { label: 'Discharging', severity: 'notice' },
  BYPASS: { label: 'On bypass', severity: 'warning' },
  CAL: { label: 'Calibrating', severity: 'notice' },
  OFF: { label: 'Output off', severity: 'critical' },
  OVER: { label: 'Overload', severity: 'critical' },
  TRIM: { label: 'Trimming high voltage', severity: 'notice' },
  BOOST: { label: 'Boosting low voltage', severity: 'notice' },
  FSD: { label: 'Forced shutdown', severity: 'critical' },
  ALARM: { label: 'Alarm', severity: 'warning' },
  TEST: { label: 'Testing', severity: 'notice' },
  ECO: { label: 'Economy mode', severity: 'normal' },
} as const satisfies Record<string, StatusMeaning>

export type StatusWord = keyof typeof STATUS_WORDS

/** Splits ups.status into its words. Unknown words are kept: a client must tolerate them (RFC 9271). */
export function parseStatus(text: string): string[] {
  return text.split(/\s+/).filter((word) => word !== '')
}

/** Joins words to ups.status: each once, ALARM first, as NUT's drivers send it. */
export function formatStatus(words: Iterable<string>): string {
  const unique = [...new Set(words)]
  return [...unique.filter((word) => word === 'ALARM'), ...unique.filter((word) => word !== 'ALARM')].join(' ')
}

export function meaningOf(word: string): StatusMeaning {
  return Object.hasOwn(STATUS_WORDS, word) ? STATUS_WORDS[word as StatusWord] : { label: word, severity: 'notice' }
}
