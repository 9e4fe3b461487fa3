// Builds the console into web/dist. `RIDETHROUGH_API=http://127.0.0.1:8080 vite web` serves it beside a running API.
import react from '@vitejs/plugin-react'
import { defineConfig, loadEnv } from 'vite'

export default defineConfig(({ mode }) => {
  const api = loadEnv(mode, import.meta.dirname, 'RIDETHROUGH_').RIDETHROUGH_API
  return {
    plugins: [react()],
    build: {
      target: 'es2022',
      chunkSizeWarningLimit: 400,
      // Modules run in the order of their imports even across chunks: data/jitless.ts must come before every schema.
      rolldownOptions: { output: { strictExecutionOrder: true } },
    },
    server: api ? { proxy: { '/api': { target: api, ws: true } } } : {},
  }
})
