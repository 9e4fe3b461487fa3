import fc from 'fast-check'
import { expect, test } from 'vitest'
import { csvRecord } from './csv.ts'

/** RFC 4180 section 2, read strictly. */
function parse(text: string): string[][] {
  const records: string[][] = []
  let cells: string[] = []
  let rest = text
  while (rest !== '') {
    const match = /^(?:"((?:[^"]|"")*)"|([^",\r\n]*))(,|\r\n)/.exec(rest)
    if (!match) throw new Error(`not a record: ${rest}`)
    cells.push(match[1]?.replaceAll('""', '"') ?? match[2] ?? '')
    if (match[3] === '\r\n') {
      records.push(cells)
      cells = []
    }
    rest = rest.slice(match[0].length)
  }
  return records
}

test.each([
  ['=cmd|calc', `'=cmd|calc`],
  ['+1', `'+1`],
  ['-1', `'-1`],
  ['@SUM(A1)', `'@SUM(A1)`],
  [' =1', `' =1`],
  ['\t=1', `'\t=1`],
  ['\u200B=1', `'\u200B=1`],
  ['＝1', `'＝1`],
  ['\rx', `'\rx`],
  ['a=1', 'a=1'],
  ['Ann, "the" owner', 'Ann, "the" owner'],
])('%j is no formula any more', (text, read) => {
  expect(parse(csvRecord([text]))).toEqual([[read]])
})

test('whatever the cells hold, as many come back, and none begins like a formula', () => {
  const arbCell = fc.oneof(fc.string({ unit: 'binary' }), fc.string({ unit: fc.constantFrom(...'=+-@,"\r\n\t a') }))
  fc.assert(
    fc.property(fc.array(arbCell, { minLength: 1 }), (cells) => {
      const records = parse(csvRecord(cells))
      expect(records).toHaveLength(1)
      expect(records[0]?.map((one) => one.replace(/^'/, ''))).toEqual(cells.map((one) => one.replace(/^'/, '')))
      for (const one of records[0] ?? []) expect(one.trimStart()).not.toMatch(/^[=+\-@]/)
    }),
    { numRuns: 1000 },
  )
})
