import type { HistoryView, StateView } from '@ridethrough/protocol/http/device.ts'
import { expect, test } from 'vitest'
import { alignSeries, appendState, NO_POINTS, type Plot } from './history.ts'

const at = (second: number) => new Date(second * 1000).toISOString()
const NAMES = ['battery.charge', 'ups.load']

function stateAt(second: number, change: Partial<StateView> = {}): StateView {
  const variables = { 'battery.charge': 80, 'ups.load': 30 }
  return {
    deviceId: 'a',
    seq: second,
    at: at(second),
    status: 'OL',
    variables,
    stale: false,
    problem: null,
    silence: null,
    ...change,
  }
}

test('series share one axis: a gap stays a gap, and a moment that one series lacks breaks none', () => {
  const history: HistoryView = {
    deviceId: 'a',
    from: at(0),
    to: at(10),
    series: [
      {
        variable: 'ups.load',
        points: [
          [at(2), 20],
          [at(4), null],
        ],
      },
      {
        variable: 'battery.charge',
        points: [
          [at(1), 99],
          [at(2), 98],
        ],
      },
      { variable: 'nobody.asked', points: [[at(3), 1]] },
    ],
  }
  expect(alignSeries(history, NAMES)).toEqual({
    times: [1, 2, 4],
    columns: [
      [99, 98, undefined],
      [undefined, 20, null],
    ],
  })
})

test('what arrives live goes on at the end, once each, and what is too old goes', () => {
  const empty: Plot = { ...NO_POINTS, columns: [[], []] }
  const grown = [1, 2, 2, 1, 3].reduce((plot, second) => appendState(plot, NAMES, stateAt(second), 0), empty)
  expect(grown).toEqual({
    times: [1, 2, 3],
    columns: [
      [80, 80, 80],
      [30, 30, 30],
    ],
  })
  expect(appendState(grown, NAMES, stateAt(4), 2).times).toEqual([2, 3, 4])
})

test('silence leaves one gap, whatever the number of its messages', () => {
  const before = appendState({ ...NO_POINTS, columns: [[], []] }, NAMES, stateAt(1), 0)
  const once = appendState(before, NAMES, stateAt(1, { stale: true }), 0)
  expect(once.columns).toEqual([
    [80, null],
    [30, null],
  ])
  expect(appendState(once, NAMES, stateAt(2, { stale: true }), 0)).toBe(once)
  expect(appendState(once, NAMES, stateAt(9), 0).columns).toEqual([
    [80, null, 80],
    [30, null, 30],
  ])
})

test('a variable that is not there is a gap, not zero', () => {
  const plot = appendState({ ...NO_POINTS, columns: [[], []] }, NAMES, stateAt(1, { variables: { 'ups.load': 5 } }), 0)
  expect(plot.columns).toEqual([[null], [5]])
})
