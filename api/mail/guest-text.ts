// The words of the mail that invites a guest, by key.

export const guestEn = {
  guestInvitation: {
    subject: '{{inviter}} invites you to {{company}} as a guest',
    lead: '{{inviter}} ({{inviterEmail}}) invites you to be a guest of {{company}}. You stay in your own company, and see of {{company}} only what is given to you.',
    everywhere: 'On all its devices you may {{privileges}}.',
    chosen: 'On these devices you may {{privileges}}:',
    none: 'You may {{privileges}}, on devices that are still to be chosen.',
    grouped: 'What you may do there, by groups of its devices:',
    group: '{{name}}: {{privileges}}',
    ungrouped: 'On which of its devices you may do what is still to be chosen.',
    from: 'It begins at {{from}}.',
    until: 'It ends at {{until}}.',
    windows: 'At these times only, by the clock of the place where a device stands:',
    window: '{{days}}, {{from}} to {{until}}',
    inactive: 'It is switched off for now: you see nothing until {{company}} switches it on.',
    code: 'To accept, open the invitation and give this confirmation code:',
    action: 'Open the invitation',
    validity: 'The code holds until {{until}}.',
    account: 'There you sign in, or sign up with this very address ({{email}}) if you have no account yet.',
    ignore: 'If you do not know the sender, do nothing, or decline.',
  },
} as const
