// The words of the mails about an account's own safety, by key.

const notYou = 'If it was not you, somebody else is in your account: reset your password now.'

export const safetyEn = {
  resetCode: {
    subject: 'Reset your password',
    lead: 'somebody, we hope you, wants to set a new password for this address. This code does it:',
    action: 'Set a new password',
    validity: 'It holds until {{until}} and for one use. All sessions and API tokens of the account end with it.',
    ignore: 'If it was not you, do nothing: without the code nothing happens.',
  },
  resetUnknown: {
    subject: 'No account with this address',
    lead: 'somebody, we hope you, wants to set a new password for this address. But it has no account: you may have signed up with another one.',
    action: 'Open Ridethrough',
    ignore: 'If it was not you, do nothing.',
  },
  addressOld: {
    subject: 'Confirm your new address',
    lead: 'you want to sign in with {{email}} instead of this address. To show that this one is yours, give this code:',
    validity: 'It holds until {{until}} and for one use; the new address has got a code of its own.',
    ignore: `${notYou} Do not pass this code on.`,
  },
  addressNew: {
    subject: 'Confirm your address',
    lead: 'somebody, we hope you, wants to sign in with this address from now on. To show that it is yours, give this code:',
    validity: 'It holds until {{until}} and for one use.',
    ignore: 'If it was not you, do nothing: without the code nothing happens.',
  },
  notice: {
    where: 'It happened at {{at}} from {{address}} ({{device}}).',
    notYou,
    action: 'Reset the password',
    passwordChanged: {
      subject: 'Your password was changed',
      lead: 'the password of your account was changed. All other sessions have ended.',
    },
    passwordReset: {
      subject: 'Your password was reset',
      lead: 'the password of your account was set anew with a code that was mailed to you. All sessions and API tokens have ended.',
    },
    totpAdded: {
      subject: 'An authenticator was added',
      lead: 'an authenticator was added to your account: signing in asks for its code.',
    },
    totpRemoved: { subject: 'The authenticator was removed', lead: 'the authenticator was removed from your account.' },
    passkeyAdded: { subject: 'A passkey was added', lead: 'the passkey “{{name}}” was added to your account.' },
    passkeyRemoved: { subject: 'A passkey was removed', lead: 'the passkey “{{name}}” was removed from your account.' },
    recoveryMade: {
      subject: 'New recovery codes',
      lead: 'new recovery codes were made for your account. Those before are void.',
    },
    recoveryUsed: {
      subject: 'A recovery code was used',
      lead: 'somebody, we hope you, used one of the recovery codes of your account. It does not work again.',
    },
    tokenMade: {
      subject: 'An API token was made',
      lead: 'the API token “{{name}}” was made for your account. Programs can sign in with it.',
    },
    newPlace: {
      subject: 'A sign-in from somewhere new',
      lead: 'somebody, we hope you, signed in to your account from where you have not been before.',
    },
    addressChanged: {
      subject: 'Your address was changed',
      lead: 'the address of your account is {{name}} from now on. This mail still goes to the one before.',
    },
    accountDeleted: {
      subject: 'Your account was deleted',
      lead: 'your account was deleted, with all that it held about you. We are sorry to see you go.',
    },
  },
} as const
