// Faults worth finding, as patches: what somebody could write by mistake, or take out because nothing seems to need it.

import type { Patch } from '../support/copy.ts'

export type Fault = {
  readonly name: string
  readonly patches: readonly Patch[]
  /** Where it shows in rare states only. */
  readonly operations?: number
  readonly stallEvery?: number
}

const one = (name: string, file: string, find: string, replace: string, more: Partial<Fault> = {}): Fault => ({
  name,
  patches: [{ file, find, replace }],
  ...more,
})

export const FAULTS: readonly Fault[] = [
  one(
    'a delivery is not checked',
    'broker/deliver.ts',
    "return held.steady ?? (held.grants && viaOf(held.grants, 'monitor', now))",
    "return held.steady ?? (held.grants && viaOf(held.grants, 'monitor', now)) ?? 'itself'",
  ),
  one(
    'whoever reads # is not checked',
    'broker/deliver.ts',
    'const way = this.#wayTo(principal, route.topic, receiver, now, isServing)',
    `const judged = this.#wayTo(principal, route.topic, receiver, now, isServing)
      const way = judged ?? (session.subscriptions.has('#') ? 'itself' : undefined)`,
  ),
  one(
    'rights are those of the CONNECT for ever',
    'db/principal.ts',
    'viewer.rights = rights ?? NO_RIGHTS',
    'if (viewer.version < 0) viewer.rights = rights ?? NO_RIGHTS',
  ),
  one(
    'a kept state is sent without a look',
    'broker/deliver.ts',
    'if (!topic || way === undefined) return false',
    'if (!topic) return false',
  ),
  one(
    'a kept state is sent twice',
    'broker/retained.ts',
    'if (kept && session.subscriptions.has(filter)) {',
    'for (const _ of [1, 2]) if (kept && session.subscriptions.has(filter)) {',
  ),
  one(
    'of the states of a device the first is kept',
    'broker/retained.ts',
    'const newest = kept && kept.seq > seq ?',
    'const newest = kept ?',
  ),
  one(
    'the end of a period is not looked at',
    'protocol/period.ts',
    "if (period.until !== null && !(now < period.until)) return 'after'",
    '',
  ),
  one(
    'a period ends a millisecond late',
    'protocol/period.ts',
    "if (period.until !== null && !(now < period.until)) return 'after'",
    "if (period.until !== null && !(now <= period.until)) return 'after'",
  ),
  one(
    'the beginning of a period is not looked at',
    'protocol/period.ts',
    "if (period.from !== null && !(now >= period.from)) return 'before'",
    '',
  ),
  one('weekly windows are not looked at', 'protocol/policy.ts', ' && (schedule?.insideAt(now) ?? true)', ''),
  one(
    'weekly windows are kept by the clock of Greenwich',
    'protocol/policy.ts',
    'schedule: compileSchedule(way.windows, device.timeZone)',
    "schedule: compileSchedule(way.windows, 'UTC')",
  ),
  one(
    'a suspended share goes on',
    'protocol/policy.ts',
    "return isSuspended ? 'suspended' : 'open'",
    "return isSuspended ? 'open' : 'open'",
  ),
  one(
    'a share that waits for an answer counts',
    'protocol/policy.ts',
    "if (state === 'pending') return 'pending'",
    "if (state === 'pending') return 'open'",
  ),
  one(
    'a device that was taken out of the share stays',
    'protocol/policy.ts',
    "const standing = isRemoved ? 'removed' : ",
    'const standing = ',
  ),
  {
    name: 'an account that was deactivated goes on',
    patches: [
      {
        file: 'db/query/credential.ts',
        find: 'a.id = c.account_id and a.active and',
        replace: 'a.id = c.account_id and',
      },
      {
        file: 'protocol/policy.ts',
        find: 'membership.active ? ways : ways.map',
        replace: 'accountId ? ways : ways.map',
      },
    ],
  },
  one(
    'what concerns an account does not reach it',
    'db/edge.ts',
    "(principal.kind === 'link' ? change.links : change.accounts).includes(principal.id) ||",
    '',
  ),
  one(
    'what concerns a device does not reach who sees it',
    'db/edge.ts',
    'return !change.confined && change.devices.some((id) => held.has(id))',
    'return false && held.has(change.what)',
  ),
  one(
    'a credential that ends is not told to its connection',
    'db/edge.ts',
    'change.credentials.includes(principal.credentialId) ||',
    '',
  ),
  one(
    'of two connections of one person one is cut',
    'broker/revoke.ts',
    'options.sessions.ofPrincipal(principal).map(',
    'options.sessions.ofPrincipal(principal).slice(0, 1).map(',
  ),
  {
    // The engine ends whoever has the same name, so it must not know the name either.
    name: 'a takeover leaves the connection before it',
    patches: [
      { file: 'broker/broker.ts', find: "before.connection.cut('taken-over')", replace: 'void before.connection' },
      { file: 'broker/broker.ts', find: 'client.id = session.key', replace: 'client.id = String(Math.random())' },
    ],
  },
  one('a client id is taken over from another credential', 'broker/sessions.ts', 'principal.credentialId', "'any'"),
  one(
    'the credential of a share outlives the share',
    'db/query/credential.ts',
    "and s.state = 'accepted' and (s.ends_at is null or s.ends_at >",
    'and (true or s.ends_at >',
  ),
  one(
    'the credential of a share is worth the whole account',
    'db/query/credential.ts',
    'period: ALWAYS, via }',
    'period: ALWAYS, via: null }',
  ),
  one(
    'the devices of a token are not looked at',
    'protocol/policy.ts',
    'if (scope.devices && !scope.devices.has(device.id)) return []',
    '',
  ),
  one(
    'of several groups of a guest the first counts',
    'protocol/policy.ts',
    'return around.reduce((mask, group) => mask | group.privileges, NO_PRIVILEGES)',
    'return around[0]?.privileges ?? NO_PRIVILEGES',
    { operations: 100_000 },
  ),
  one(
    'a guest that is switched off goes on',
    'protocol/policy.ts',
    'standingOf(guest.state, !guest.active)',
    'standingOf(guest.state, false)',
  ),
  one(
    'what waits for a slow reader is not taken back',
    'broker/revoke.ts',
    'session.connection.takeBack((deviceId) => !visible.has(deviceId))',
    '',
    { stallEvery: 10 },
  ),
  one(
    'what the socket holds is not taken back',
    'broker/connection.ts',
    'if (this.#socket.writableLength > 0 && this.#handedOver?.devices.some(concerns)) {',
    'if (this.destroyed) {',
    { stallEvery: 10 },
  ),
  one(
    'a subscription to one device outlives its end',
    'broker/revoke.ts',
    'if (isGone) unsubscribe(session, filter)',
    '',
  ),
  one(
    'every subscription to one device ends with any change',
    'broker/revoke.ts',
    "deviceId !== undefined && !holdsOn(rights, 'monitor', deviceId, now)",
    'deviceId !== undefined',
  ),
  one(
    'a window that closes ends the subscription',
    'broker/revoke.ts',
    "!holdsOn(rights, 'monitor', deviceId, now)",
    '!visible.has(deviceId)',
  ),
  {
    name: 'a SUBSCRIBE in flight is booked with the rights from before',
    patches: [
      {
        file: 'broker/broker.ts',
        find: 'done(null, this.#maySubscribe(client, subscription) ? subscription : null)',
        replace: `const session = this.#parts.sessions.of(client)
        const had = session?.subscriptions.get(subscription.topic)
        const may = this.#maySubscribe(client, subscription)
        if (may && had === undefined) session?.subscriptions.delete(subscription.topic)
        setTimeout(() => {
          if (may) session?.subscriptions.set(subscription.topic, subscription.qos > 0 ? 1 : 0)
          done(null, may ? subscription : null)
        }, 40)`,
      },
    ],
    operations: 60_000,
  },
  one(
    'an UNSUBSCRIBE ends the SUBSCRIBE that follows it',
    'broker/emitter.ts',
    'removeListener(_filter: string, _listener: unknown, done?: () => void) {\n    done?.()',
    'removeListener(_filter: string, _listener: unknown, done?: () => void) {\n    if (done) setImmediate(done)',
    { operations: 100_000 },
  ),
  one(
    'overlapping filters deliver twice',
    'broker/router.ts',
    'return [...found].map(([session, qos]) => newReceiver(session, qos))',
    `return [...found].flatMap(([session, qos]) =>
      [...session.subscriptions.keys()]
        .filter((filter, index) => index === 0 || filter.includes('#'))
        .map(() => newReceiver(session, qos)),
    )`,
  ),
  one(
    'of overlapping filters the first says the QoS',
    'broker/router.ts',
    '(found.get(session) ?? -1) < qos',
    '!found.has(session)',
  ),
  one(
    'a refused message is delivered to all',
    'broker/inbound.ts',
    "case 'refuse':\n",
    "case 'refuse':\n        this.#options.delivery.fanOut(message.topic as never, message.payload)\n",
  ),
  one(
    'a clock that is set is not noticed',
    'db/edge.ts',
    'return now < this.#seenUntil || (this.#nextAt !== null && now >= this.#nextAt)',
    'return now < 0',
  ),
  one(
    'messages of a moment without lease are lost',
    'broker/deliver.ts',
    'if (this.#mustWait(route.topic, isServing)) this.#hold({ route, frame: kept(frame) })\n    else this.#giveAll(route, frame, isServing)',
    'this.#giveAll(route, frame, isServing)',
  ),
  one(
    'what was read from the database counts as delivered',
    'broker/retained.ts',
    'if (kept && seq <= kept.handedOn) return false',
    'if (kept && seq <= kept.seq) return false',
    { operations: 200_000 },
  ),
  one('routes outlive a change of rights', 'broker/revoke.ts', 'options.router.invalidate()\n', ''),
  one(
    'routes outlive a new subscription with a wildcard',
    'broker/router.ts',
    "if (filter.includes('+') || filter.includes('#')) this.#generation += 1",
    "if (filter.includes('+')) this.#generation += 1",
  ),
  {
    // Either alone is caught by the other.
    name: 'grants are remembered beyond the rights they are part of',
    patches: [
      { file: 'broker/revoke.ts', find: 'options.router.invalidate()\n', replace: '' },
      {
        file: 'broker/deliver.ts',
        find: 'if (receiver.rights !== principal.rights) remember(',
        replace: 'if (receiver.rights === undefined) remember(',
      },
    ],
  },
  one(
    'a run of live messages goes on under the next topic',
    'broker/lane.ts',
    'if (!isLive) return undefined\n    this.#handOutRun()\n',
    'if (!isLive) return undefined\n',
  ),
  one(
    'a live message goes to a device by the beginning of its name',
    'broker/lane.ts',
    'const { length } = beginning\n',
    'const length = 13\n',
  ),
  one(
    'a live message goes out at the QoS at which it came',
    'broker/deliver.ts',
    'this.#write(session, qos < frame.qos && low ? low : frame,',
    'this.#write(session, frame,',
  ),
  one(
    'live messages do not wait for the lease',
    'broker/deliver.ts',
    "if (kind === 'agent') return false\n",
    "if (kind === 'agent' || (kind === 'device' && this.#held.length === 0)) return false\n",
  ),
  one(
    'a right that ends counts as one that does not',
    'protocol/policy.ts',
    'const isSteady = first && !first.schedule && first.periods.every(({ from, until }) => from === null && until === null)',
    'const isSteady = first && !first.schedule',
  ),
]
