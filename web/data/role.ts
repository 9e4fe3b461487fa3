// Roles that the company made, over HTTP (R33). Each change answers what it did at the edges (R71).
import {
  DeletionAnswer,
  type NewRole,
  type RoleChange,
  RoleChangeAnswer,
  RoleList,
  RoleView,
} from '@ridethrough/protocol/http/guest.ts'
import { queryOptions } from '@tanstack/react-query'
import type { z } from 'zod'
import { request } from './request.ts'

/** What a change of a role makes old: whoever has it follows. */
export const ROLE_KEYS = [['roles'], ['guests'], ['shares'], ['share'], ['events']] as const

export const rolesQuery = queryOptions({
  queryKey: ['roles'],
  queryFn: async ({ signal }) => (await request('/company/roles', RoleList, { signal })).items,
})

export function makeRole(role: z.input<typeof NewRole>): Promise<RoleView> {
  return request('/company/roles', RoleView, { method: 'POST', body: role })
}

export function changeRole(id: string, change: z.input<typeof RoleChange>): Promise<z.infer<typeof RoleChangeAnswer>> {
  return request(`/company/roles/${id}`, RoleChangeAnswer, { method: 'PATCH', body: change })
}

/** A role in use needs another one in its place. */
export function deleteRole(id: string, replacement: string | undefined): Promise<z.infer<typeof DeletionAnswer>> {
  return request(`/company/roles/${id}`, DeletionAnswer, { method: 'DELETE', body: { replacement } })
}
