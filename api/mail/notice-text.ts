// The words of the mails that tell what happened to a share, a guest entry or a link, by key: kind, who did it, how it ended.

/**
 * `other`: somebody else did it, `own`: whoever reads this did, `time`: nobody, it was due. Behind a `_` stands the state
 * in which it ended, where that makes a difference.
 */
export const noticeEn = {
  devices: 'It is about:',
  until: 'It ends at {{until}}.',
  somebody: 'somebody',
  aCompany: 'the company',
  share: {
    action: 'See what is shared',
    accepted: {
      other: {
        subject: '{{by}} accepted what you shared',
        lead: '{{byFull}} accepted your invitation and has access from now on.',
      },
      own: {
        subject: 'You accepted what {{other}} shared',
        lead: 'you accepted what {{otherFull}} shared with you. It is under “Shared with me”.',
      },
    },
    declined: {
      other: {
        subject: '{{by}} declined what you shared',
        lead: '{{byFull}} declined your invitation: nothing is shared.',
      },
      own: {
        subject: 'You declined what {{other}} shared',
        lead: 'you declined what {{otherFull}} wanted to share with you.',
      },
    },
    changed: {
      other: { subject: '{{by}} changed a share with you', lead: '{{byFull}} changed a share between you.' },
      own: {
        subject: 'You changed a share with {{other}}',
        lead: 'you changed a share between you and {{otherFull}}.',
      },
    },
    suspended: {
      other: {
        subject: '{{by}} suspended a share with you',
        lead: '{{byFull}} suspended a share with you: it gives nothing until it is resumed.',
      },
      own: {
        subject: 'You suspended a share with {{other}}',
        lead: 'you suspended a share with {{otherFull}}: it gives nothing until you resume it.',
      },
    },
    resumed: {
      other: {
        subject: '{{by}} resumed a share with you',
        lead: '{{byFull}} resumed a share with you: it is as before.',
      },
      own: {
        subject: 'You resumed a share with {{other}}',
        lead: 'you resumed a share with {{otherFull}}: it is as before.',
      },
    },
    ending: {
      time: {
        subject: 'A share with {{other}} ends soon',
        lead: 'a share between you and {{otherFull}} ends within a day.',
      },
    },
    ended: {
      other: { subject: '{{by}} ended a share with you', lead: '{{byFull}} ended a share with you.' },
      other_left: { subject: '{{by}} left what you shared', lead: '{{byFull}} gave up what you shared with them.' },
      other_withdrawn: {
        subject: '{{by}} withdrew an invitation',
        lead: '{{byFull}} no longer wants to share with you: the code that you were sent is void.',
      },
      own: { subject: 'You ended a share with {{other}}', lead: 'you ended a share with {{otherFull}}.' },
      own_left: { subject: 'You left what {{other}} shared', lead: 'you gave up what {{otherFull}} shared with you.' },
      own_withdrawn: {
        subject: 'You withdrew an invitation to {{other}}',
        lead: 'you withdrew your invitation to {{otherFull}}: the code that was mailed is void.',
      },
      time: {
        subject: 'A share with {{other}} has ended',
        lead: 'the time of a share between you and {{otherFull}} is over.',
      },
      time_unanswered: {
        subject: '{{other}} did not answer your invitation',
        lead: 'your invitation to {{otherFull}} has run out unanswered. To share all the same, offer it anew.',
      },
    },
  },
  guest: {
    action: 'See companies and guests',
    accepted: {
      other: {
        subject: '{{by}} is a guest of {{company}} now',
        lead: '{{byFull}} accepted to be a guest of {{company}}.',
      },
      own: { subject: 'You are a guest of {{company}} now', lead: 'you accepted to be a guest of {{company}}.' },
    },
    declined: {
      other: {
        subject: '{{by}} does not want to be a guest of {{company}}',
        lead: '{{byFull}} declined to be a guest of {{company}}.',
      },
      own: { subject: 'You declined to be a guest of {{company}}', lead: 'you declined to be a guest of {{company}}.' },
    },
    changed: {
      other: {
        subject: '{{by}} changed a guest entry of {{company}}',
        lead: '{{byFull}} changed what a guest entry of {{company}} gives.',
      },
      own: {
        subject: 'You changed a guest entry of {{company}}',
        lead: 'you changed what {{otherFull}} may do as a guest of {{company}}.',
      },
    },
    ending: {
      time: {
        subject: 'A guest entry of {{company}} ends soon',
        lead: 'a guest entry of {{company}}, between you and {{otherFull}}, ends within a day.',
      },
    },
    ended: {
      other: {
        subject: '{{by}} ended a guest entry of {{company}}',
        lead: '{{byFull}} ended a guest entry of {{company}}.',
      },
      other_left: { subject: '{{by}} left {{company}}', lead: '{{byFull}} is a guest of {{company}} no longer.' },
      own: {
        subject: 'You ended a guest entry of {{company}}',
        lead: 'you ended what {{otherFull}} had as a guest of {{company}}.',
      },
      own_left: { subject: 'You left {{company}}', lead: 'you are a guest of {{company}} no longer.' },
      time: {
        subject: 'A guest entry of {{company}} has ended',
        lead: 'the time of a guest entry of {{company}}, between you and {{otherFull}}, is over.',
      },
      time_unanswered: {
        subject: '{{other}} did not answer your invitation',
        lead: 'your invitation to {{otherFull}}, to be a guest of {{company}}, has run out unanswered.',
      },
    },
  },
  link: {
    action: 'See your links',
    ending: { time: { subject: 'A link ends soon', lead: 'your link “{{other}}” ends within a day.' } },
    ended: {
      other: { subject: '{{by}} ended a link', lead: '{{byFull}} ended the link “{{other}}”.' },
      own: { subject: 'You ended a link', lead: 'you ended the link “{{other}}”.' },
      time: { subject: 'A link has ended', lead: 'the time of your link “{{other}}” is over.' },
    },
  },
} as const
