// What Ridethrough must do, in few words, by the numbers of its requirements. A test proves one by ending its name with
// the number: `… [R18]` or `… [R33 R35]`. Only what is built so far stands here; the rest joins with its tests.

export type Requirement = { readonly number: string; readonly words: string }

type Row = readonly [number: string, words: string]

const ROWS: readonly Row[] = [
  ['R3', 'A device is registered by its owner with the code that the agent shows; only then can it be shared'],
  ['R10', 'A share carries one or more devices and one recipient, named by an address'],
  ['R11', 'An address without an account is invited, and the share waits for it'],
  ['R12', 'The sharer is told that the invitation was sent; the recipient is told in the product and by mail'],
  ['R13', 'The invitation names the devices and carries a code; the recipient accepts or declines'],
  ['R14', 'What is shared appears by itself with the recipient'],
  ['R15', 'A share may have a start and an end, which can be turned on and off later'],
  ['R16', 'The owner changes devices, period and privileges of a share, all at once, or deletes all of it'],
  ['R17', 'The recipient takes devices out of their view, or leaves; either side ends it at any time'],
  ['R18', 'At most five shares of a device, pending ones included'],
  ['R19', 'A share never transfers ownership'],
  ['R20', 'Privileges are given one by one or by a role, never more than may be given'],
  ['R21', 'Sharing needs Standard or Advanced; on Basic a device stays shared, without control and notifications'],
  ['R22', 'A link: private name, privileges, devices, period, uses; as text and QR; changed and ended'],
  ['R23', 'Weekly windows in the time zone of the device, kept to the second'],
  ['R24', 'A share mints credentials for MQTT and API, no stronger than itself, dead with it'],
  ['R25', 'A share is suspended and resumed without losing its settings'],
  ['R30', 'Guests are invited with address, role, active, workspace mode and privileges, with a warning of the mail'],
  ['R31', 'Active is the administrator’s, validated the guest’s; both are needed'],
  ['R32', 'Workspace modes: all with the same privileges, groups with their own, or chosen devices only'],
  ['R33', 'Roles are made by the company; deleting one in use asks for its replacement'],
  ['R34', '“Companies” lists invitations to accept or decline, for those who have one'],
  ['R35', 'A guest enters the host’s dashboard, sees its devices only, and is back with one click'],
  ['R41', 'An invitation lives 48 hours or as long as is configured, is resent and withdrawn; the old link dies'],
  ['R43', 'Inactive people cannot sign in; what they have open ends at once'],
  ['R63', 'The event log: who did what, when, from where; changes of access and refusals always'],
  ['R64', 'Charts of the past; a recipient sees it only inside their own period'],
  ['R70', 'Every connect, publish, subscribe and delivery is checked against current grants, plan and time'],
  ['R71', 'When a change of access is answered, nothing more is given under the rights before it'],
  ['R72', 'A server that cannot learn of changes stops serving rather than serving stale rights'],
  ['R73', 'Who can do what at an instant, and why, is answered by the code that enforces it'],
  ['R74', 'Every refusal is a clear error and is recorded'],
  ['H1', 'Accepting is explicit, with the code; by themselves only from known sharers, if the recipient says so'],
  ['H2', 'The invitation of a guest without an account waits for the account'],
  ['H3', 'The limit of five counts shares, not members or guests'],
  ['H4', 'Ordinary actions of users may be left out of the log; changes of access and refusals never'],
  ['H5', 'Suspending exists beside ending, for shares, guests and members'],
]

export const REQUIREMENTS: readonly Requirement[] = ROWS.map(([number, words]) => ({ number, words }))
