// One accent, everything else neutral; contrast AA in both looks.
import { Anchor, type CSSVariablesResolver, createTheme } from '@mantine/core'

export const theme = createTheme({
  components: {
    // A link within text is not told by its colour alone.
    Anchor: Anchor.extend({ defaultProps: { underline: 'always' } }),
    // The head of a dialog is no landmark of the page.
    ModalHeader: { defaultProps: { component: 'div' } },
  },
  primaryColor: 'accent',
  // White text on it keeps 4.5:1 in both.
  primaryShade: { light: 8, dark: 7 },
  defaultRadius: 'md',
  cursorType: 'pointer',
  respectReducedMotion: true,
  fontFamily: 'system-ui, -apple-system, "Segoe UI", Roboto, "Helvetica Neue", "Noto Sans", "DejaVu Sans", sans-serif',
  fontFamilyMonospace: 'ui-monospace, "SF Mono", Menlo, Consolas, "DejaVu Sans Mono", monospace',
  headings: {
    fontWeight: '650',
    sizes: {
      h1: { fontSize: '1.375rem', lineHeight: '1.3' },
      h2: { fontSize: '1.0625rem', lineHeight: '1.4' },
      h3: { fontSize: '0.9375rem' },
    },
  },
  colors: {
    accent: [
      '#e6f6f7',
      '#cfe9ec',
      '#a0d2d8',
      '#6ebac3',
      '#54b3be',
      '#2e9aa7',
      '#1d8c9a',
      '#107784',
      '#036470',
      '#00505b',
    ],
  },
})

/** Mantine's own dimmed, error and placeholder tones miss AA on tinted ground. */
export const cssVariables: CSSVariablesResolver = () => ({
  variables: {},
  light: {
    '--mantine-color-body': '#f6f7f8',
    '--mantine-color-dimmed': '#555c64',
    '--mantine-color-placeholder': '#646b73',
    '--mantine-color-error': '#b3261e',
    '--mantine-color-default-border': '#d5d9dd',
  },
  dark: {
    '--mantine-color-body': '#131518',
    '--mantine-color-text': '#dfe2e6',
    '--mantine-color-anchor': '#7ccfd8',
    '--mantine-color-dimmed': '#a2a9b1',
    '--mantine-color-placeholder': '#8f969e',
    '--mantine-color-error': '#ff9a91',
    '--mantine-color-default': '#1d2024',
    '--mantine-color-default-hover': '#262a2f',
    '--mantine-color-default-border': '#3a3f45',
  },
})
