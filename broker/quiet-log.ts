// What strangers can make us say is said a few times, and then counted: a log that anybody can fill tells nobody anything.
import type { Logger } from 'pino'

export type QuietLog = { readonly log: Logger; stop(): void }

type Kind = { readonly level: Level; readonly message: string; readonly reason: string | undefined; lines: number }

type Level = (typeof LEVELS)[number]

const LEVELS = ['debug', 'info', 'warn'] as const
export const WINDOW_MS = 10_000
/** Kinds are named by ourselves, so there are not many; should it be otherwise, they share the last one. */
const MOST_KINDS = 200

/**
 * A logger like `log`, which says no more than `lines` of one kind (message and `reason`) in ten seconds, and how many
 * more there were at the end of them. Errors are all said: they are ours.
 */
export function quietLog(log: Logger, lines: number): QuietLog {
  const kinds = new Map<string, Kind>()
  const sum = () => {
    for (const { level, message, reason, lines: count } of kinds.values()) {
      if (count > lines) {
        const more = count - lines
        log[level]({ reason, more, seconds: WINDOW_MS / 1000 }, `${message}: ${more} more in ${WINDOW_MS / 1000} s`)
      }
    }
    kinds.clear()
  }
  const timer = setInterval(sum, WINDOW_MS)
  timer.unref()
  const quiet = Object.create(log) as Logger
  for (const level of LEVELS) {
    quiet[level] = (fields: object | string, message?: string): void => {
      if (!log.isLevelEnabled(level)) return
      const text = message ?? String(fields)
      const reason = typeof fields === 'object' && 'reason' in fields ? String(fields.reason) : undefined
      const key = kinds.size < MOST_KINDS ? `${level} ${text} ${reason}` : level
      const kind = kinds.get(key) ?? { level, message: text, reason, lines: 0 }
      kinds.set(key, kind)
      kind.lines += 1
      if (kind.lines > lines) return
      if (typeof fields === 'object') log[level](fields, text)
      else log[level](text)
    }
  }
  return {
    log: quiet,
    stop: () => {
      clearInterval(timer)
      sum()
    },
  }
}
