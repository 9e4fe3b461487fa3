import { expect, test } from 'vitest'
import { saySubject } from './event.ts'

const ID = '0199c1f0-0000-7000-8000-000000000001'

test.each<[what: string, subject: Record<string, unknown>, about: string, why: string]>([
  ['a name rather than its id', { device: { id: ID, name: 'Rack 4' } }, 'Rack 4', ''],
  ['an address where there is no name', { share: { id: ID, email: 'bob@example.org' } }, 'bob@example.org', ''],
  ['several', { devices: [{ name: 'Rack 4' }, { name: 'Rack 5' }] }, 'Rack 4 and Rack 5', ''],
  ['what it was given as', { invitation: { email: 'bob@example.org' }, role: 'owner' }, 'bob@example.org (owner)', ''],
  [
    'what may be done, in words',
    { devices: [{ name: 'Rack 4' }], privileges: ['reboot', 'monitor'] },
    'Rack 4 (may see live values and status and restart it or an outlet)',
    '',
  ],
  ['nothing of the actor', { account: { id: ID, name: 'Ann' } }, '', ''],
  ['the reason of a refusal', { device: { id: ID }, code: 'right-missing' }, '', 'You may not do this'],
  ['a reason of a newer server as it is', { code: 'moon-full' }, '', 'moon-full'],
])('an event is told with %s', (_, subject, about, why) => {
  expect(saySubject(subject, 'Ann')).toEqual({ about, why })
})
