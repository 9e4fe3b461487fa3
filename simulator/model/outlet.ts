// Outlet groups: commands at once or after their delays, and their countdowns.
import type { Group, GroupAction, UpsState } from './state.ts'

/** Lets `seconds` pass for every group; never past the end of a countdown (see `nextGroupEvent`). */
export function passGroups(groups: readonly Group[], seconds: number): readonly Group[] {
  if (!groups.some((group) => group.pending)) return groups
  return groups.map((group) => {
    if (!group.pending) return group
    const left = group.pending.seconds - seconds
    if (left > 1e-9) return { ...group, pending: { ...group.pending, seconds: left } }
    return act({ ...group, pending: null }, group.pending.action)
  })
}

export function nextGroupEvent(groups: readonly Group[]): number {
  return Math.min(
    Number.POSITIVE_INFINITY,
    ...groups.map((group) => group.pending?.seconds ?? Number.POSITIVE_INFINITY),
  )
}

/** Switches a group now, or after its own delay. `main-off`: a switched group cannot come on while the main one is off. */
export function commandGroup(
  state: UpsState,
  index: number,
  action: GroupAction,
  isDelayed: boolean,
): UpsState | 'main-off' {
  const main = state.spec.groups.findIndex((group) => group.isMain)
  if (action !== 'off' && index !== main && main >= 0 && !state.groups[main]?.on) return 'main-off'
  return change(state, index, (group) => {
    const seconds = action === 'on' ? group.onDelay : group.offDelay
    return isDelayed && seconds > 0
      ? { ...group, pending: { action, seconds } }
      : act({ ...group, pending: null }, action)
  })
}

export function cancelGroup(state: UpsState, index: number): UpsState {
  return change(state, index, (group) => ({ ...group, pending: null }))
}

export function configureGroup(
  state: UpsState,
  index: number,
  settings: Partial<Pick<Group, 'name' | 'onDelay' | 'offDelay' | 'rebootDuration'>>,
): UpsState {
  return change(state, index, (group) => ({ ...group, ...settings }))
}

function act(group: Group, action: GroupAction): Group {
  if (action !== 'reboot') return { ...group, on: action === 'on' }
  return { ...group, on: false, pending: { action: 'on', seconds: Math.max(1, group.rebootDuration) } }
}

function change(state: UpsState, index: number, to: (group: Group) => Group): UpsState {
  return { ...state, groups: state.groups.map((group, at) => (at === index ? to(group) : group)) }
}
