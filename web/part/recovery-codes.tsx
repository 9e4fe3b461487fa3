// Recovery codes: shown once, to be kept on paper or in a password manager.
import { Button, Group, Modal, Stack, Text } from '@mantine/core'
import type { SecurityView } from '@ridethrough/protocol/http/security.ts'
import { IconPrinter } from '@tabler/icons-react'
import { useState } from 'react'
import { useTranslation } from 'react-i18next'
import { makeRecoveryCodes, securityQuery } from '../data/security.ts'
import { CopyButton } from '../ui/secret.tsx'
import { Section } from '../ui/section.tsx'
import { ConfirmChange } from './confirm-change.tsx'
import styles from './recovery-codes.module.css'

type Props = { readonly security: SecurityView; readonly onCodes: (codes: readonly string[]) => void }

export function RecoverySection({ security, onCodes }: Props) {
  const { t } = useTranslation()
  const [isAsking, setAsking] = useState(false)
  const hasFactor = security.totp !== null || security.passkeys.length > 0
  return (
    <Section title={t('recovery.title')}>
      <Text c="dimmed">
        {hasFactor ? t('recovery.left', { count: security.recoveryCodesLeft }) : t('recovery.none')}
      </Text>
      {hasFactor && (
        <Group>
          <Button variant="default" onClick={() => setAsking(true)}>
            {t('recovery.renew')}
          </Button>
        </Group>
      )}
      {isAsking && (
        <ConfirmChange
          title={t('recovery.renewTitle')}
          what={t('recovery.renewWhat')}
          submit={t('recovery.renew')}
          run={makeRecoveryCodes}
          refresh={[securityQuery.queryKey]}
          onDone={(codes) => {
            setAsking(false)
            onCodes(codes)
          }}
          onCancel={() => setAsking(false)}
        />
      )}
    </Section>
  )
}

type ShownProps = { readonly codes: readonly string[]; readonly email: string; readonly onClose: () => void }

export function ShownCodes({ codes, email, onClose }: ShownProps) {
  const { t } = useTranslation()
  return (
    <Modal
      opened
      onClose={onClose}
      title={t('recovery.shownTitle')}
      centered
      // They are shown once: a stray press beside the dialog must not lose them.
      closeOnClickOutside={false}
      closeOnEscape={false}
      withCloseButton={false}
    >
      <Stack>
        <Text>{t('recovery.shownLead')}</Text>
        <div className={styles.paper}>
          <p className={styles.paperTitle}>{t('recovery.printTitle', { email })}</p>
          <ul className={styles.codes} aria-label={t('recovery.list')}>
            {codes.map((code) => (
              <li key={code}>{code}</li>
            ))}
          </ul>
        </div>
        <Group>
          <CopyButton text={codes.join('\n')} label={t('recovery.copy')} done={t('copy.done')} />
          <Button
            variant="default"
            size="sm"
            leftSection={<IconPrinter size={16} aria-hidden />}
            onClick={() => window.print()}
          >
            {t('recovery.print')}
          </Button>
        </Group>
        <Button onClick={onClose} data-autofocus>
          {t('recovery.done')}
        </Button>
      </Stack>
    </Modal>
  )
}
