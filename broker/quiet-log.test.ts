import { pino } from 'pino'
import { expect, test } from 'vitest'
import { quietLog } from './quiet-log.ts'

function logging(lines: number, level = 'info') {
  const said: { msg: string; level: number; more?: number; reason?: string }[] = []
  const log = pino({ level }, { write: (line: string) => void said.push(JSON.parse(line)) })
  return { said, ...quietLog(log, lines) }
}

test('of one kind a few lines are said, then counted; another reason is another kind', () => {
  const { said, log, stop } = logging(2)
  for (let count = 0; count < 1000; count++) log.info({ reason: 'junk', address: `${count}` }, 'refused')
  log.info({ reason: 'silent' }, 'refused')
  log.info('plain words')
  expect(said.map(({ reason, msg }) => reason ?? msg)).toEqual(['junk', 'junk', 'silent', 'plain words'])
  stop()
  expect(said.at(-1)).toMatchObject({ level: 30, reason: 'junk', more: 998, msg: 'refused: 998 more in 10 s' })
  expect(said).toHaveLength(5)
})

test('errors are all said, and what the level leaves out is not counted', () => {
  const { said, log, stop } = logging(1)
  for (let count = 0; count < 5; count++) {
    log.error({ reason: 'ours' }, 'failed')
    log.debug({ reason: 'small' }, 'detail')
  }
  stop()
  expect(said.map(({ msg }) => msg)).toEqual(Array.from({ length: 5 }, () => 'failed'))
})

test('however many kinds there are, they are bounded', () => {
  const { said, log, stop } = logging(1)
  for (let count = 0; count < 10_000; count++) log.warn({ reason: `${count}` }, 'odd')
  expect(said.length).toBeLessThanOrEqual(201)
  stop()
  expect(said.at(-1)).toMatchObject({ more: 9799 })
})
