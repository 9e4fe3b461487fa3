import { spawn } from 'node:child_process'
import { readdirSync, readFileSync, statSync, truncateSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { Journal, type Measured } from './journal.ts'
import { testFolder } from './support/folder.ts'
import { testLog } from './support/log.ts'

const A = '00000000-0000-4000-8000-00000000000a'
const B = '00000000-0000-4000-8000-00000000000b'
const NONE: ReadonlySet<number> = new Set()

const value = (at: number, status = 'OL'): Measured => ({
  kind: 'values',
  at,
  status,
  variables: { 'battery.charge': at % 100 },
})
const seqsOf = (journal: Journal, deviceId = A) =>
  journal.oldest(deviceId, 10_000, Number.POSITIVE_INFINITY, NONE).map(({ seq }) => seq)
const upTo = (from: number, to: number) => Array.from({ length: to - from + 1 }, (_, index) => from + index)

function open(folder: string, limits?: { maxRows: number; maxBytes: number }) {
  const { log, lines } = testLog()
  return { journal: new Journal(join(folder, 'journal.db'), [A, B], log, limits), lines }
}

test('each device counts for itself, and samples come back whole, oldest first', () => {
  const { journal } = open(testFolder())
  expect([journal.append(A, value(10)), journal.append(A, value(20)), journal.append(B, value(30))]).toEqual([1, 2, 1])
  expect(journal.oldest(A, 10, 1e6, NONE)).toEqual([
    { ...value(10), seq: 1 },
    { ...value(20), seq: 2 },
  ])
  expect(journal.oldest(A, 10, 1e6, new Set([1])).map(({ seq }) => seq)).toEqual([2])
  journal.stop()
})

test('a batch keeps to its rows and bytes, but always holds one', () => {
  const { journal } = open(testFolder())
  for (const at of upTo(1, 10)) journal.append(A, value(at))
  expect(journal.oldest(A, 3, 1e6, NONE)).toHaveLength(3)
  expect(journal.oldest(A, 10, 200, NONE).length).toBeLessThan(4)
  expect(journal.oldest(A, 10, 1, NONE)).toHaveLength(1)
  journal.stop()
})

test('only what was acknowledged goes, and the numbers go on after a restart', () => {
  const folder = testFolder()
  const first = open(folder).journal
  for (const at of upTo(1, 5)) first.append(A, value(at))
  first.acknowledge(A, [1, 3])
  first.stop()
  const { journal } = open(folder)
  expect(seqsOf(journal)).toEqual([2, 4, 5])
  expect(journal.pending(A)).toBe(3)
  journal.acknowledge(A, [2, 4, 5])
  expect(journal.append(A, value(6))).toBe(6)
  expect(journal.size.rows).toBe(1)
  journal.stop()
})

test('killed at any moment, the journal has no gap and no number twice', async () => {
  const folder = testFolder()
  const path = join(folder, 'journal.db')
  const acknowledged = new Set<number>()
  let last = 0
  for (let round = 0; round < 8; round++) {
    const child = spawn(process.execPath, [join(import.meta.dirname, 'support/appender.ts'), path, A])
    // Not `exit`: what it said last may still be in the pipe then.
    const exited = new Promise((resolve) => child.once('close', resolve))
    let said = ''
    const enough = last + 1 + Math.floor(Math.random() * 300)
    await new Promise<void>((resolve) => {
      child.stdout.on('data', (chunk: Buffer) => {
        said += chunk.toString()
        if (said.includes(`appended ${enough}\n`)) resolve()
      })
    })
    child.kill('SIGKILL')
    await exited

    const lines = said.slice(0, said.lastIndexOf('\n')).split('\n')
    const numbers = (word: string) =>
      lines.filter((line) => line.startsWith(word)).map((line) => Number(line.split(' ')[1]))
    const appended = numbers('appended')
    // The child goes on where the one before it was killed, except for what that one did but could not say any more.
    expect(appended[0]).toBeGreaterThan(last)
    expect(appended).toEqual(upTo(appended[0] ?? 0, appended.at(-1) ?? 0))
    for (const seq of numbers('acknowledging')) acknowledged.add(seq)

    const { journal } = open(folder)
    const kept = seqsOf(journal)
    const highest = kept.at(-1) ?? 0
    expect(highest).toBeGreaterThanOrEqual(appended.at(-1) ?? 0)
    // Acknowledged is the oldest each time: what is left is one unbroken run up to the highest number.
    expect(kept).toEqual(upTo(highest - kept.length + 1, highest))
    const lowest = kept[0] ?? 0
    expect([...acknowledged].every((seq) => seq <= lowest)).toBe(true)
    expect(lowest - 1 - acknowledged.size).toBeLessThanOrEqual(round + 1)
    last = highest
    journal.stop()
  }
})

test('beyond its bounds the oldest go, counted and said, and what changed the status goes last', () => {
  const { journal, lines } = open(testFolder(), { maxRows: 20, maxBytes: 1e9 })
  journal.append(A, value(1, 'OL'))
  journal.append(A, value(2, 'OB DISCHRG'))
  journal.append(A, { kind: 'problem', at: 3, problem: 'no-answer', detail: 'silent' })
  journal.append(A, value(4, 'OL'))
  for (const at of upTo(5, 40)) journal.append(A, value(at))
  expect(journal.size.rows).toBe(20)
  expect(seqsOf(journal)).toEqual([1, 2, 3, 4, ...upTo(25, 40)])
  expect(journal.dropped).toBe(20)
  expect(lines.find(({ msg }) => msg.includes('the journal is full'))?.level).toBe(40)
  journal.stop()
})

test('bytes are bounded as well', () => {
  const { journal } = open(testFolder(), { maxRows: 1e6, maxBytes: 5000 })
  for (const at of upTo(1, 200)) journal.append(A, value(at))
  expect(journal.size.bytes).toBeLessThanOrEqual(5000)
  expect(seqsOf(journal).at(-1)).toBe(200)
  journal.stop()
})

test.each<[what: string, spoil: (path: string) => void]>([
  ['overwritten in the middle', (path) => overwrite(path, Math.floor(statSync(path).size / 2), 4096)],
  ['overwritten at the beginning', (path) => overwrite(path, 0, 512)],
  ['cut short', (path) => truncateSync(path, 5000)],
  ['a file of something else', (path) => writeFileSync(path, 'not a database, whatever it is called\n'.repeat(50))],
  ['of another version', (path) => setVersion(path, 99)],
])('a journal that is %s is moved aside, said so, and a new one begins', (_, spoil) => {
  const folder = testFolder()
  const path = join(folder, 'journal.db')
  const first = open(folder).journal
  for (const at of upTo(1, 300)) first.append(A, value(at))
  first.stop()
  spoil(path)
  const { journal, lines } = open(folder)
  expect(lines.some(({ level, msg }) => level === 50 && msg.includes('damaged'))).toBe(true)
  expect(readdirSync(folder).some((name) => name.startsWith('journal.db.damaged-'))).toBe(true)
  expect(journal.append(A, value(1))).toBe(1)
  // The cloud holds 300 of them: what was measured since the loss moves above, and none is taken for an old one.
  journal.append(A, value(2))
  journal.agree(A, 300)
  expect(journal.oldest(A, 10, 1e6, NONE).map(({ seq, at }) => [seq, at])).toEqual([
    [301, 1],
    [302, 2],
  ])
  expect(journal.append(A, value(3))).toBe(303)
  journal.stop()
})

test('a log that was torn off by a power cut costs its end, not the journal', () => {
  const folder = testFolder()
  const path = join(folder, 'journal.db')
  const { journal } = open(folder)
  journal.agree(A, 0)
  for (const at of upTo(1, 50)) journal.append(A, value(at))
  // Copied while open, so that the log is not merged: what a dead machine's disk looks like.
  const wal = readFileSync(`${path}-wal`)
  const copy = testFolder()
  writeFileSync(join(copy, 'journal.db'), readFileSync(path))
  writeFileSync(join(copy, 'journal.db-wal'), wal.subarray(0, wal.length - 6000))
  journal.stop()
  const torn = open(copy)
  expect(torn.lines).toEqual([])
  const kept = seqsOf(torn.journal)
  expect(kept.length).toBeGreaterThan(40)
  expect(kept).toEqual(upTo(1, kept.length))
  // The cloud has seen them all: the next number is above.
  torn.journal.agree(A, 50)
  expect(torn.journal.append(A, value(51))).toBe(51)
  torn.journal.stop()
})

test('numbers that were sent before are never changed by what the cloud holds', () => {
  const folder = testFolder()
  const { journal } = open(folder)
  for (const at of upTo(1, 3)) journal.append(A, value(at))
  journal.agree(A, 0)
  journal.stop()
  // The PUBACK for all three was lost with the connection; the cloud has stored them.
  const again = open(folder).journal
  again.append(A, value(4))
  again.agree(A, 3)
  expect(seqsOf(again)).toEqual([1, 2, 3, 4])
  again.agree(A, 4)
  expect(again.append(A, value(5))).toBe(5)
  again.stop()
})

test('a device without an owner keeps nothing, and its numbers never begin again', () => {
  const folder = testFolder()
  const { journal } = open(folder)
  journal.setRegistered(A, true)
  for (const at of upTo(1, 3)) journal.append(A, value(at))
  journal.setRegistered(A, false)
  expect([journal.pending(A), journal.size.rows, journal.size.bytes]).toEqual([0, 0, 0])
  expect(journal.append(A, value(4))).toBe(4)
  journal.stop()
  const again = open(folder).journal
  expect([again.isRegistered(A), again.isRegistered(B)]).toEqual([false, null])
  again.stop()
})

test('the file is for its owner alone', () => {
  const folder = testFolder()
  open(folder).journal.stop()
  expect(statSync(join(folder, 'journal.db')).mode & 0o077).toBe(0)
})

const arbStep = fc.oneof(
  { weight: 4, arbitrary: fc.constant('append' as const) },
  { weight: 2, arbitrary: fc.constant('acknowledge' as const) },
  { weight: 1, arbitrary: fc.constant('reopen' as const) },
  { weight: 1, arbitrary: fc.record({ floor: fc.nat(40) }) },
)

test('whatever happens, a number is given once, and what was not acknowledged is there', () => {
  const folder = testFolder()
  let file = 0
  fc.assert(
    fc.property(fc.array(arbStep, { maxLength: 40 }), (steps) => {
      file += 1
      const path = join(folder, `${file}.db`)
      const { log } = testLog()
      let journal = new Journal(path, [A], log)
      const waiting = new Set<number>()
      let at = 0
      let cloud = 0
      for (const step of steps) {
        if (step === 'append') waiting.add(journal.append(A, value(++at)))
        else if (step === 'reopen') {
          journal.stop()
          journal = new Journal(path, [A], log)
        } else if (step === 'acknowledge') {
          const [oldest] = journal.oldest(A, 1, 1, NONE)
          if (!oldest) continue
          cloud = Math.max(cloud, oldest.seq)
          journal.acknowledge(A, [oldest.seq])
        } else {
          cloud = Math.max(cloud, step.floor)
          journal.agree(A, cloud)
        }
        const kept = journal.oldest(A, 1000, Number.POSITIVE_INFINITY, NONE)
        expect(kept.map((sample) => sample.at)).toEqual(
          [...new Set(kept.map((sample) => sample.at))].sort((a, b) => a - b),
        )
        expect(new Set(kept.map(({ seq }) => seq)).size).toBe(kept.length)
        expect(journal.pending(A)).toBe(kept.length)
      }
      journal.stop()
    }),
    { numRuns: 60 },
  )
})

function overwrite(path: string, from: number, length: number): void {
  const bytes = readFileSync(path)
  bytes.fill(0xa5, from, from + length)
  writeFileSync(path, bytes)
}

function setVersion(path: string, version: number): void {
  const db = new DatabaseSync(path)
  db.exec(`pragma user_version = ${version}`)
  db.close()
}
