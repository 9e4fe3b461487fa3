// A share in words: the sentence at the top of the form, periods, rights, and what a change did at the edges.
import type { EdgeReport, ShareView } from '@ridethrough/protocol/http/share.ts'
import { positionIn } from '@ridethrough/protocol/period.ts'
import {
  BUILT_IN_ROLES,
  maskOf,
  PRIVILEGE_TEXT,
  type Privilege,
  SHARE_ROLES,
  type ShareRole,
} from '@ridethrough/protocol/privilege.ts'
import type { WeeklyWindow } from '@ridethrough/protocol/window.ts'
import type { TFunction } from 'i18next'
import type { z } from 'zod'
import { sayList, sayTime } from './format.ts'
import { sayTimeIn, sayWindows } from './window.ts'

export type Draft = {
  readonly email: string
  readonly deviceNames: readonly string[]
  readonly privileges: readonly Privilege[]
  /** Milliseconds since 1970; `null` is "no bound". */
  readonly from: number | null
  readonly until: number | null
  /** By whose clock start and end are said. */
  readonly zone: string
  /** Empty: at all times of the period. */
  readonly windows: readonly WeeklyWindow[]
}

export type SentenceField = 'email' | 'role' | 'devices' | 'windows' | 'from' | 'until'
/** `field` leads to where the part is filled in; text between the parts has none. */
export type SentencePart = { readonly field?: SentenceField; readonly text: string }

/** The share in one sentence, part by part. What people typed is never read as markup. */
export function shareSentence(draft: Draft, now: number, t: TFunction): SentencePart[] {
  const say = (at: number) => sayTimeIn(at, now, draft.zone)
  const said: Readonly<Record<SentenceField, string>> = {
    email: draft.email.trim() || t('sentence.nobody'),
    role: sayRights(draft, t),
    devices: draft.deviceNames.length > 0 ? sayList(draft.deviceNames) : t('sentence.noDevices'),
    windows:
      draft.windows.length === 0
        ? t('sentence.always')
        : t('sentence.windows', { windows: sayWindows(draft.windows, t) }),
    from: draft.from === null ? t('sentence.startNow') : t('sentence.start', { time: say(draft.from) }),
    until: draft.until === null ? t('sentence.endNever') : t('sentence.end', { time: say(draft.until) }),
  }
  return t('sentence.full')
    .split(/(<\w+\/>)/)
    .filter((piece) => piece !== '')
    .map((piece) => {
      const field = FIELDS.find((each) => piece === `<${each}/>`)
      return field ? { field, text: said[field] } : { text: piece }
    })
}

const FIELDS: readonly SentenceField[] = ['email', 'role', 'devices', 'windows', 'from', 'until']

function sayRights({ privileges }: Draft, t: TFunction): string {
  const preset = presetOf(privileges)
  if (preset !== 'custom') return t(`sentence.rights.${preset}`)
  if (privileges.length === 0) return t('sentence.noRights')
  return t('sentence.of', { rights: sayList(privileges.map((privilege) => PRIVILEGE_TEXT[privilege])) })
}

/** The built-in role that gives exactly these privileges. */
export function presetOf(privileges: readonly Privilege[]): ShareRole | 'custom' {
  const mask = maskOf(privileges)
  return SHARE_ROLES.find((role) => BUILT_IN_ROLES[role] === mask) ?? 'custom'
}

export function sayPeriod(share: Pick<ShareView, 'from' | 'until'>, now: number, t: TFunction): string {
  const from = share.from === null ? null : Date.parse(share.from)
  const until = share.until === null ? null : Date.parse(share.until)
  // A start that is past says nothing any more.
  const begins = from !== null && from > now ? sayTime(from, now) : null
  if (until === null) return begins === null ? t('sharing.always') : t('sharing.since', { from: begins })
  const ends = sayTime(until, now)
  return begins === null ? t('sharing.until', { until: ends }) : t('sharing.between', { from: begins, until: ends })
}

export type Standing = ShareView['state'] | 'suspended' | 'upcoming' | 'over'

/** An accepted share that is suspended or outside its period is not active, whatever its state says. */
export function standingOf(share: Pick<ShareView, 'state' | 'suspended' | 'from' | 'until'>, now: number): Standing {
  if (share.suspended && (share.state === 'accepted' || share.state === 'pending')) return 'suspended'
  if (share.state !== 'accepted') return share.state
  const period = { from: parse(share.from), until: parse(share.until) }
  const position = positionIn(period, now)
  return position === 'before' ? 'upcoming' : position === 'after' ? 'over' : 'accepted'
}

const CUT = ['viewers', 'subscriptions', 'connections'] as const
const EDGE_KINDS = ['api', 'broker'] as const

/** "2 servers confirmed in 12 ms; 2 live viewers at the API were cut." */
export function sayReport({ edges, ms }: z.infer<typeof EdgeReport>, t: TFunction): string {
  const applied = edges.filter((edge) => edge.outcome === 'applied')
  const fenced = edges.length - applied.length
  const confirmed = t('change.confirmed', { count: applied.length, ms: Math.max(1, Math.round(ms)) })
  const said = `${confirmed}; ${sayCuts(edges, t)}.`
  return fenced > 0 ? `${said} ${t('change.fenced', { count: fenced })}` : said
}

function sayCuts(edges: EdgeReport['edges'], t: TFunction): string {
  let cut = 0
  const places = EDGE_KINDS.flatMap((kind) => {
    const there = edges.filter((edge) => edge.kind === kind)
    const things = CUT.flatMap((thing) => {
      const count = there.reduce((total, edge) => total + edge[thing], 0)
      cut += count
      return count > 0 ? [t(`change.${thing}`, { count })] : []
    })
    return things.length > 0 ? [t(`change.at.${kind}`, { what: sayList(things) })] : []
  })
  if (cut === 0) return t('change.nothingCut')
  return t(cut === 1 ? 'change.cutOne' : 'change.cut', { what: sayList(places) })
}

function parse(instant: string | null): number | null {
  return instant === null ? null : Date.parse(instant)
}
