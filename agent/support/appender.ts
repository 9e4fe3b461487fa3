// A process to be killed: appends to a journal without pause, acknowledges some of it, and says what it has done.
import { pino } from 'pino'
import { Journal } from '../journal.ts'

const [path = '', deviceId = ''] = process.argv.slice(2)
const journal = new Journal(path, [deviceId], pino({ level: 'silent' }))
const filler = 'x'.repeat(500)
for (;;) {
  const seq = journal.append(deviceId, { kind: 'values', at: 1, status: 'OL', variables: { 'ups.id': filler } })
  process.stdout.write(`appended ${seq}\n`)
  if (seq % 7 === 0) {
    const [oldest] = journal.oldest(deviceId, 1, 1, new Set())
    if (oldest) {
      // Said before it is done: a kill between the two may leave it either way.
      process.stdout.write(`acknowledging ${oldest.seq}\n`)
      journal.acknowledge(deviceId, [oldest.seq])
    }
  }
}
