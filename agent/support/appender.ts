// A process to be killed: appends to a journal without pause, acknowledges some of it, and says what it has done.
import { writeSync } from 'node:fs'
import { pino } from 'pino'
import { Journal } from '../journal.ts'

const [path = '', deviceId = ''] = process.argv.slice(2)
const journal = new Journal(path, [deviceId], pino({ level: 'silent' }))
const filler = 'x'.repeat(500)
// Waits where nobody reads: `process.stdout` would keep the rest for a turn of the event loop that never comes here.
const say = (line: string) => writeSync(1, `${line}\n`)
for (;;) {
  const seq = journal.append(deviceId, { kind: 'values', at: 1, status: 'OL', variables: { 'ups.id': filler } })
  say(`appended ${seq}`)
  if (seq % 7 === 0) {
    const [oldest] = journal.oldest(deviceId, 1, 1, new Set())
    if (oldest) {
      // Said before it is done: a kill between the two may leave it either way.
      say(`acknowledging ${oldest.seq}`)
      journal.acknowledge(deviceId, [oldest.seq])
    }
  }
}
