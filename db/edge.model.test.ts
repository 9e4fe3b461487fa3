// The protocol of docs/adr/0001-edges.md as a small machine, tried in every order of steps: an edge that reads, applies and
// renews, with any delay between any two steps; a waiting side that reads and fences, likewise; one change of access.
import { expect, test } from 'vitest'

const LEASE = 2
const WAIT = 3
const LAST_TICK = 6
const MOST_LEASES = 3
const NEVER = -1

type State = {
  readonly time: number
  /** Committed version of access: the change is version 1. */
  readonly version: 0 | 1
  readonly row: { readonly applied: number; readonly lease: number; readonly fenced: boolean }
  readonly edge: {
    readonly memory: number
    readonly leaseEnd: number
    readonly isRegistered: boolean
    readonly step: 'idle' | 'read' | 'applied' | 'asked' | 'renewed' | 'refused' | 'stored'
    /** What the step under way carries: the version read, and when the renewal was asked for. */
    readonly carried: number
    readonly askedAt: number
  }
  readonly waiter: {
    readonly step: 'idle' | 'asked' | 'read' | 'received' | 'fencing' | 'answered'
    readonly saw: { readonly applied: number; readonly lease: number; readonly fenced: boolean } | null
    readonly askedAt: number
    readonly since: { readonly lease: number; readonly at: number } | null
  }
}

/** Ways to get the protocol wrong, each of which the search must find. */
type Mistake =
  | 'lease-from-answer'
  | 'wait-from-question'
  | 'fence-without-lease'
  | 'wait-too-short'
  | 'confirm-before-applying'
  | 'serve-after-refusal'

const START: State = {
  time: 0,
  version: 0,
  row: { applied: 0, lease: 0, fenced: false },
  edge: { memory: 0, leaseEnd: LEASE, isRegistered: true, step: 'idle', carried: 0, askedAt: 0 },
  waiter: { step: 'idle', saw: null, askedAt: 0, since: null },
}

function* next(state: State, mistake?: Mistake): Generator<State> {
  if (state.time < LAST_TICK) yield { ...state, time: state.time + 1 }
  if (state.version === 0) yield { ...state, version: 1 }
  yield* edgeSteps(state, mistake)
  if (state.version === 1) yield* waiterSteps(state, mistake)
}

function* edgeSteps(state: State, mistake?: Mistake): Generator<State> {
  const { edge, row, time } = state
  const to = (change: Partial<State['edge']>, newRow = row): State => ({
    ...state,
    row: newRow,
    edge: { ...edge, ...change },
  })
  const afterReading = mistake === 'confirm-before-applying' ? {} : { memory: edge.carried }
  switch (edge.step) {
    case 'idle':
      yield to({ step: 'read', carried: state.version })
      return
    case 'read':
      yield to({ step: 'applied', ...afterReading })
      return
    case 'applied':
      if (row.lease < MOST_LEASES) yield to({ step: 'asked', askedAt: time })
      return
    case 'asked':
      if (!edge.isRegistered)
        yield to({ step: 'stored' }, { applied: edge.carried, lease: row.lease + 1, fenced: false })
      else if (row.fenced) yield to({ step: 'refused' })
      else yield to({ step: 'renewed' }, { ...row, applied: edge.carried, lease: row.lease + 1 })
      return
    case 'renewed':
      yield to({
        step: 'idle',
        memory: edge.carried,
        leaseEnd: (mistake === 'lease-from-answer' ? time : edge.askedAt) + LEASE,
      })
      return
    case 'stored':
      yield to({ step: 'idle', isRegistered: true })
      return
    case 'refused':
      yield to({
        step: 'idle',
        isRegistered: false,
        leaseEnd: mistake === 'serve-after-refusal' ? time + LEASE : NEVER,
      })
  }
}

function* waiterSteps(state: State, mistake?: Mistake): Generator<State> {
  const { waiter, row, time } = state
  const to = (change: Partial<State['waiter']>, newRow = row): State => ({
    ...state,
    row: newRow,
    waiter: { ...waiter, ...change },
  })
  switch (waiter.step) {
    case 'idle':
      yield to({ step: 'asked', askedAt: time })
      return
    case 'asked':
      yield to({ step: 'read', saw: row })
      return
    case 'read':
      yield to({ step: 'received' })
      return
    case 'received': {
      const { saw, since } = waiter
      if (!saw) return
      const at = mistake === 'wait-from-question' ? waiter.askedAt : time
      const wait = mistake === 'wait-too-short' ? LEASE - 2 : WAIT - 1
      if (saw.fenced || saw.applied >= 1) yield to({ step: 'answered' })
      else if (since?.lease !== saw.lease) yield to({ step: 'idle', since: { lease: saw.lease, at } })
      else if (time - since.at > wait) yield to({ step: 'fencing' })
      else yield to({ step: 'idle' })
      return
    }
    case 'fencing': {
      const isSame = mistake === 'fence-without-lease' || row.lease === waiter.since?.lease
      yield to({ step: 'idle' }, isSame ? { ...row, fenced: true } : row)
    }
  }
}

/** The first state in which the change was answered and the edge would still serve rights from before it. */
function search(mistake?: Mistake): {
  readonly broken: State | undefined
  readonly states: number
  readonly answers: number
} {
  const seen = new Set<string>([JSON.stringify(START)])
  const open: State[] = [START]
  let answers = 0
  for (let state = open.pop(); state; state = open.pop()) {
    if (state.waiter.step === 'answered') {
      answers += 1
      if (state.time < state.edge.leaseEnd && state.edge.memory < 1)
        return { broken: state, states: seen.size, answers }
    }
    for (const one of next(state, mistake)) {
      const key = JSON.stringify(one)
      if (seen.has(key)) continue
      seen.add(key)
      open.push(one)
    }
  }
  return { broken: undefined, states: seen.size, answers }
}

test('in every order of steps, after the answer no edge serves rights from before the change', () => {
  const { broken, states, answers } = search()
  expect(broken).toBeUndefined()
  expect(answers).toBeGreaterThan(1000)
  expect(states).toBeGreaterThan(10_000)
})

test.each<Mistake>([
  'lease-from-answer',
  'wait-from-question',
  'wait-too-short',
  'fence-without-lease',
  'confirm-before-applying',
  'serve-after-refusal',
])('the search finds what is wrong with %s', (mistake) => {
  expect(search(mistake).broken).toBeDefined()
})
