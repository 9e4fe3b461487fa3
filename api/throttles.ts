// What is throttled, and how. docs/security.md says the same in words.
import type { Db } from '@ridethrough/db/schema.ts'
import { createThrottle } from './throttle.ts'

const SECOND = 1000
const MINUTE = 60 * SECOND
const HOUR = 60 * MINUTE

export type Throttles = ReturnType<typeof createThrottles>

/** Each bounds one way of guessing or of making us send mail. */
export function createThrottles(db: Db) {
  const codeTries = { free: 5, firstWaitMs: 30 * MINUTE, longestWaitMs: 30 * MINUTE, forgetMs: 30 * MINUTE }
  const hourly = { firstWaitMs: MINUTE, longestWaitMs: HOUR, forgetMs: HOUR }
  return {
    /** Wrong passwords for one account from one address. */
    signIn: createThrottle(db, 'sign-in', { free: 5, firstWaitMs: SECOND, longestWaitMs: 15 * MINUTE, forgetMs: HOUR }),
    /** Wrong passwords from one address, whatever the account: one password tried on many. */
    signInFrom: createThrottle(db, 'sign-in-from', {
      free: 50,
      firstWaitMs: SECOND,
      longestWaitMs: 5 * MINUTE,
      forgetMs: HOUR,
    }),
    /**
     * Wrong passwords for one account from anywhere. Its owner could be held up by it, so it never waits for longer than a
     * minute, and the networks from which the owner has signed in before are counted apart.
     */
    signInAnywhere: createThrottle(db, 'sign-in-anywhere', {
      free: 50,
      firstWaitMs: SECOND,
      longestWaitMs: MINUTE,
      forgetMs: HOUR,
    }),
    /** Wrong codes of a second factor for one account: whoever gets here knows the password. */
    secondFactor: createThrottle(db, 'second-factor', {
      free: 10,
      firstWaitMs: 10 * SECOND,
      longestWaitMs: 15 * MINUTE,
      forgetMs: 6 * HOUR,
    }),
    /** Wrong codes for one address. A new code starts anew. */
    addressCode: createThrottle(db, 'address-code', codeTries),
    /** Wrong codes of a password reset for one address, and of a change of address for one account. */
    resetCode: createThrottle(db, 'reset-code', codeTries),
    changeCode: createThrottle(db, 'change-code', codeTries),
    /** Mails to one address that somebody who has not signed in can cause. */
    addressMail: createThrottle(db, 'address-mail', { free: 5, ...hourly }),
    /** Mails that one account can cause to its own and to a new address. */
    changeMail: createThrottle(db, 'change-mail', { free: 5, ...hourly }),
    claim: createThrottle(db, 'claim', {
      free: 5,
      firstWaitMs: 15 * MINUTE,
      longestWaitMs: 15 * MINUTE,
      forgetMs: 15 * MINUTE,
    }),
    /** Invitations of one account: people outside get mail because of them. */
    invitation: createThrottle(db, 'invitation', { free: 200, ...hourly }),
    resend: createThrottle(db, 'resend', { free: 5, ...hourly }),
    /** Links that one account makes. */
    linkMaking: createThrottle(db, 'link-making', { free: 200, ...hourly }),
    /** Wrong PINs, and links that there are not, from one network. */
    linkFrom: createThrottle(db, 'link-from', {
      free: 50,
      firstWaitMs: 10 * SECOND,
      longestWaitMs: 15 * MINUTE,
      forgetMs: HOUR,
    }),
    /** Wrong PINs for one link from anywhere: a PIN is short, and whoever guesses has the link already. */
    linkPin: createThrottle(db, 'link-pin', {
      free: 10,
      firstWaitMs: MINUTE,
      longestWaitMs: HOUR,
      forgetMs: 24 * HOUR,
    }),
  }
}
