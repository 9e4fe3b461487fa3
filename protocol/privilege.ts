// What somebody may do on a device, and the named sets of it.

/** Every privilege; the order gives each its bit and must never change: masks are stored and sent. */
export const PRIVILEGES = [
  'monitor',
  'notify',
  'history',
  'report',
  'diagnose',
  'reboot',
  'shed',
  'firmware',
  'configure',
  'licence',
  'override',
  'share',
  'register',
] as const

export type Privilege = (typeof PRIVILEGES)[number]

/** A set of privileges, one bit each (bit n is `PRIVILEGES[n]`): what the edges compare on every delivery. */
export type PrivilegeMask = number

const BIT = new Map<Privilege, number>(PRIVILEGES.map((privilege, index) => [privilege, 1 << index]))

export function maskOf(privileges: Iterable<Privilege>): PrivilegeMask {
  let mask = 0
  for (const privilege of privileges) mask |= bitOf(privilege)
  return mask
}

export function bitOf(privilege: Privilege): PrivilegeMask {
  return BIT.get(privilege) ?? 0
}

export function privilegesOf(mask: PrivilegeMask): Privilege[] {
  return PRIVILEGES.filter((privilege) => (mask & bitOf(privilege)) !== 0)
}

export const NO_PRIVILEGES: PrivilegeMask = 0
export const ALL_PRIVILEGES: PrivilegeMask = maskOf(PRIVILEGES)

const VIEWER = maskOf(['monitor', 'notify', 'history', 'report'])
const OPERATOR = VIEWER | maskOf(['diagnose', 'reboot', 'shed'])
const MAINTAINER = OPERATOR | maskOf(['configure', 'firmware', 'licence'])

/** Roles that exist without anybody making them. */
export const BUILT_IN_ROLES = {
  viewer: VIEWER,
  operator: OPERATOR,
  maintainer: MAINTAINER,
  owner: ALL_PRIVILEGES,
} as const

export type BuiltInRole = keyof typeof BUILT_IN_ROLES

/** Roles that a share may name: a share never makes an owner (R19). */
export const SHARE_ROLES = ['viewer', 'operator', 'maintainer'] as const satisfies readonly BuiltInRole[]
export type ShareRole = (typeof SHARE_ROLES)[number]

/** R19, R20: registering and deleting stay with the owner, and so does sharing on. */
export const SHAREABLE: PrivilegeMask = ALL_PRIVILEGES & ~maskOf(['register', 'share'])

/** What a link may carry: whoever opens it has no name, so nothing that is done in somebody's name (R22). */
export const LINKABLE: PrivilegeMask = maskOf(['monitor', 'history', 'diagnose', 'reboot', 'shed'])

/** What the console and the mails say of each privilege: "may …". */
export const PRIVILEGE_TEXT: Readonly<Record<Privilege, string>> = {
  monitor: 'see live values and status',
  notify: 'add it to their own notifications',
  history: 'see charts of the past',
  report: 'include it in reports',
  diagnose: 'run tests',
  reboot: 'restart it or an outlet',
  shed: 'switch outlet groups off and on',
  firmware: 'install firmware',
  configure: 'change settings',
  licence: 'order and apply licences',
  override: 'override a safety interlock, with a reason',
  share: 'share it with others',
  register: 'register and delete it',
}
