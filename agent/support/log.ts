// A real logger whose lines a test can look at.
import { type Logger, pino } from 'pino'

export type LogLine = { readonly level: number; readonly msg: string; readonly [field: string]: unknown }

export function testLog(): {
  log: Logger
  lines: LogLine[]
  until(isIt: (line: LogLine) => boolean): Promise<LogLine>
} {
  const lines: LogLine[] = []
  const waiting = new Set<(line: LogLine) => void>()
  const stream = {
    write(text: string) {
      const line = JSON.parse(text) as LogLine
      lines.push(line)
      for (const tell of waiting) tell(line)
    },
  }
  function until(isIt: (line: LogLine) => boolean): Promise<LogLine> {
    const there = lines.find(isIt)
    if (there) return Promise.resolve(there)
    return new Promise((resolve) => {
      const tell = (line: LogLine) => {
        if (!isIt(line)) return
        waiting.delete(tell)
        resolve(line)
      }
      waiting.add(tell)
    })
  }
  return { log: pino({ level: 'trace' }, stream), lines, until }
}
