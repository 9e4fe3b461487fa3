// The link as a QR code, in a dialog large enough to be scanned from the screen.
import { Button, Modal, Stack, Text } from '@mantine/core'
import type { LinkView } from '@ridethrough/protocol/http/link.ts'
import { IconQrcode } from '@tabler/icons-react'
import { useTranslation } from 'react-i18next'
import { Secret } from '../ui/secret.tsx'

type QrCodeProps = {
  readonly link: Pick<LinkView, 'name' | 'svg' | 'url'>
  readonly isShown: boolean
  readonly onToggle: () => void
}

export function QrCode({ link: { name, svg, url }, isShown, onToggle }: QrCodeProps) {
  const { t } = useTranslation()
  return (
    <>
      <Button
        variant="default"
        size="sm"
        leftSection={<IconQrcode size={16} aria-hidden />}
        aria-label={t('links.qrLabel', { name })}
        onClick={onToggle}
      >
        {t('links.qr')}
      </Button>
      <Modal
        opened={isShown}
        onClose={onToggle}
        title={t('links.qrTitle', { name })}
        centered
        closeButtonProps={{ 'aria-label': t('app.close') }}
      >
        <Stack align="center">
          <QrImage svg={svg} name={name} />
          <Text size="sm" c="dimmed">
            {t('links.qrHint')}
          </Text>
          <div style={{ width: '100%' }}>
            <Secret rows={2} name={t('links.url')} text={url} label={t('links.copy')} done={t('copy.done')} />
          </div>
        </Stack>
      </Modal>
    </>
  )
}

export function QrImage({ svg, name }: { readonly svg: string; readonly name: string }) {
  const { t } = useTranslation()
  return (
    <img
      src={`data:image/svg+xml;utf8,${encodeURIComponent(svg)}`}
      alt={t('links.qrAlt', { name })}
      width={240}
      height={240}
      // Dark on light in both looks: that is what cameras read.
      style={{ background: '#fff', borderRadius: 8, maxWidth: '100%', padding: 8 }}
    />
  )
}
