// PowerNet's outlet groups (upsOutletGroups): what they are doing, their delays, their commands.
import { cancelGroup, commandGroup, configureGroup } from '../model/outlet.ts'
import { isGroupLive } from '../model/reading.ts'
import type { Group, GroupAction, UpsState } from '../model/state.ts'
import { between, column, type MibObject, object, oneOf, upTo } from './mib.ts'

const G = '1.3.6.1.4.1.318.1.1.1.12'
const MAX_DELAY = 65535

const indices = (state: UpsState) => state.groups.map((_group, at) => at + 1)
const count = (state: UpsState) => state.groups.length
const nameOf = (state: UpsState, index: number) => groupAt(state, index)?.name ?? ''
// 1 switched, 2 main
const typeOf = (state: UpsState, index: number) => (state.spec.groups[index - 1]?.isMain ? 2 : 1)

export const outletGroups: readonly MibObject[] = [
  object(`${G}.1.1`, 'integer', count),
  column(`${G}.1.2.1.1`, 'integer', indices, (_state, index) => index),
  column(`${G}.1.2.1.2`, 'text', indices, nameOf),
  column(`${G}.1.2.1.3`, 'integer', indices, liveness),
  column(`${G}.1.2.1.4`, 'integer', indices, (state, index) => (groupAt(state, index)?.pending ? 1 : 2)),
  column(`${G}.1.2.1.5`, 'integer', indices, typeOf),
  object(`${G}.2.1`, 'integer', count),
  column(`${G}.2.2.1.1`, 'integer', indices, (_state, index) => index),
  column(
    `${G}.2.2.1.2`,
    'text',
    indices,
    nameOf,
    upTo(16, (state, name, index) => configureGroup(state, index - 1, { name })),
  ),
  delay(3, 'onDelay'),
  delay(4, 'offDelay'),
  delay(5, 'rebootDuration'),
  column(`${G}.2.2.1.7`, 'integer', indices, typeOf),
  object(`${G}.3.1`, 'integer', count),
  column(`${G}.3.2.1.1`, 'integer', indices, (_state, index) => index),
  column(`${G}.3.2.1.2`, 'text', indices, nameOf),
  // upsOutletGroupControlCommand reads as the state of the group.
  column(
    `${G}.3.2.1.3`,
    'integer',
    indices,
    liveness,
    oneOf({
      1: (state, index) => switchGroup(state, index, 'on', false),
      2: (state, index) => switchGroup(state, index, 'off', false),
      3: (state, index) => switchGroup(state, index, 'reboot', false),
      4: (state, index) => switchGroup(state, index, 'on', true),
      5: (state, index) => switchGroup(state, index, 'off', true),
      6: (state, index) => switchGroup(state, index, 'reboot', true),
      7: (state, index) => cancelGroup(state, index - 1),
      9: (state, index) => switchGroup(state, index, 'reboot', false),
      10: (state, index) => switchGroup(state, index, 'reboot', true),
    }),
  ),
  column(`${G}.3.2.1.4`, 'integer', indices, typeOf),
]

function delay(arc: number, key: 'onDelay' | 'offDelay' | 'rebootDuration'): MibObject {
  return column(
    `${G}.2.2.1.${arc}`,
    'integer',
    indices,
    (state, index) => groupAt(state, index)?.[key] ?? 0,
    between(0, MAX_DELAY, (state, value, index) => configureGroup(state, index - 1, { [key]: value })),
  )
}

function switchGroup(state: UpsState, index: number, action: GroupAction, isDelayed: boolean) {
  const outcome = commandGroup(state, index - 1, action, isDelayed)
  return outcome === 'main-off' ? 'inconsistentValue' : outcome
}

function liveness(state: UpsState, index: number): number {
  return isGroupLive(state, index - 1) ? 1 : 2
}

function groupAt(state: UpsState, index: number): Group | undefined {
  return state.groups[index - 1]
}
