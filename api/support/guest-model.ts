// For tests: what groups, roles and guests of one company should be after each step, as plainly as it can be said.
import type { GuestMode } from '@ridethrough/protocol/policy.ts'
import type { Privilege } from '@ridethrough/protocol/privilege.ts'

type Given = { readonly roleId: string | null; readonly privileges: readonly Privilege[] }
export type ModelGroup = { readonly id: string; readonly name: string; readonly devices: readonly string[] }
export type ModelRole = { readonly id: string; readonly name: string; readonly privileges: readonly Privilege[] }
export type Terms = Given & {
  readonly active: boolean
  readonly mode: GuestMode
  readonly groups: readonly (Given & { readonly groupId: string })[]
  readonly devices: readonly string[]
}
export type ModelEntry = Terms & { readonly id: string; readonly person: number; readonly isAccepted: boolean }
export type ModelState = {
  readonly groups: readonly ModelGroup[]
  readonly roles: readonly ModelRole[]
  readonly entries: readonly ModelEntry[]
}

export type Step =
  | { readonly does: 'make-group'; readonly group: ModelGroup }
  | { readonly does: 'set-group'; readonly id: string; readonly devices: readonly string[] }
  | { readonly does: 'drop-group'; readonly id: string }
  | { readonly does: 'make-role'; readonly role: ModelRole }
  | { readonly does: 'set-role'; readonly id: string; readonly privileges: readonly Privilege[] }
  | { readonly does: 'drop-role'; readonly id: string; readonly replacement: string | undefined }
  | { readonly does: 'invite'; readonly person: number; readonly terms: Terms }
  | { readonly does: 'accept' | 'end'; readonly id: string }
  | { readonly does: 'change'; readonly id: string; readonly terms: Partial<Terms> }
  | { readonly does: 'leave'; readonly person: number }

/** `undefined`: it is refused, and nothing changes. */
export function applyStep(state: ModelState, step: Step): ModelState | undefined {
  const { groups, roles, entries } = state
  switch (step.does) {
    case 'make-group':
      return groups.some(({ name }) => name === step.group.name)
        ? undefined
        : { ...state, groups: [...groups, step.group] }
    case 'set-group':
      return groups.some(({ id }) => id === step.id)
        ? { ...state, groups: groups.map((one) => (one.id === step.id ? { ...one, devices: step.devices } : one)) }
        : undefined
    case 'drop-group':
      return groups.some(({ id }) => id === step.id) ? withoutGroup(state, step.id) : undefined
    case 'make-role':
      return roles.some(({ name }) => name === step.role.name) ? undefined : { ...state, roles: [...roles, step.role] }
    case 'set-role':
      return roles.some(({ id }) => id === step.id)
        ? { ...state, roles: roles.map((one) => (one.id === step.id ? { ...one, privileges: step.privileges } : one)) }
        : undefined
    case 'drop-role':
      return withoutRole(state, step.id, step.replacement)
    case 'invite': {
      if (entries.some(({ person }) => person === step.person) || !isPossible(state, step.terms)) return undefined
      const entry = { ...step.terms, id: `new ${step.person}`, person: step.person, isAccepted: false }
      return { ...state, entries: [...entries, entry] }
    }
    case 'accept': {
      const entry = entries.find(({ id }) => id === step.id)
      if (!entry || entry.isAccepted) return undefined
      return { ...state, entries: entries.map((one) => (one === entry ? { ...one, isAccepted: true } : one)) }
    }
    case 'end':
      return entries.some(({ id }) => id === step.id)
        ? { ...state, entries: entries.filter(({ id }) => id !== step.id) }
        : undefined
    case 'change': {
      if (!entries.some(({ id }) => id === step.id) || !isPossible(state, step.terms)) return undefined
      return { ...state, entries: entries.map((one) => (one.id === step.id ? { ...one, ...step.terms } : one)) }
    }
    case 'leave': {
      const staying = entries.filter(({ person, isAccepted }) => person !== step.person || !isAccepted)
      return staying.length < entries.length ? { ...state, entries: staying } : undefined
    }
  }
}

function withoutGroup(state: ModelState, gone: string): ModelState {
  return {
    ...state,
    groups: state.groups.filter(({ id }) => id !== gone),
    entries: state.entries.map((one) => ({ ...one, groups: one.groups.filter(({ groupId }) => groupId !== gone) })),
  }
}

function withoutRole(state: ModelState, gone: string, replacement: string | undefined): ModelState | undefined {
  const has = (id: string) => state.roles.some((role) => role.id === id)
  if (!has(gone) || (replacement !== undefined && (replacement === gone || !has(replacement)))) return undefined
  const isUsed = state.entries.some((one) => [one, ...one.groups].some(({ roleId }) => roleId === gone))
  if (isUsed && replacement === undefined) return undefined
  const instead = <T extends Given>(one: T): T =>
    one.roleId === gone && replacement !== undefined ? { ...one, roleId: replacement } : one
  return {
    ...state,
    roles: state.roles.filter(({ id }) => id !== gone),
    entries: state.entries.map((one) => ({ ...instead(one), groups: one.groups.map(instead) })),
  }
}

function isPossible({ groups, roles }: ModelState, { roleId, groups: chosen = [] }: Partial<Terms>): boolean {
  const named = [roleId, ...chosen.map((one) => one.roleId)].filter((id) => typeof id === 'string')
  return (
    named.every((wanted) => roles.some(({ id }) => id === wanted)) &&
    chosen.every(({ groupId }) => groups.some(({ id }) => id === groupId))
  )
}

/** What a person sees, and may do with it: R31, R32 and R33, one after the other. */
export function visibleTo(state: ModelState, person: number, all: readonly string[]): Record<string, string[]> {
  const seen = new Map<string, Set<string>>()
  const give = (devices: readonly string[], given: Given) => {
    for (const device of devices) {
      seen.set(device, new Set([...(seen.get(device) ?? []), ...privilegesOf(state, given)]))
    }
  }
  for (const entry of state.entries) {
    if (entry.person !== person || !entry.isAccepted || !entry.active) continue
    if (entry.mode === 'groups-and-devices') give(all, entry)
    if (entry.mode === 'devices') give(entry.devices, entry)
    if (entry.mode !== 'groups') continue
    for (const scope of entry.groups) give(state.groups.find(({ id }) => id === scope.groupId)?.devices ?? [], scope)
  }
  return Object.fromEntries([...seen].map(([device, privileges]) => [device, [...privileges].sort()]))
}

export function privilegesOf({ roles }: ModelState, { roleId, privileges }: Given): readonly Privilege[] {
  return roleId === null ? privileges : (roles.find(({ id }) => id === roleId)?.privileges ?? [])
}
