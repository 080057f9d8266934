import { defineConfig } from 'vite'

export default defineConfig({
  oxc: { jsx: { runtime: 'automatic', importSource: 'hono/jsx' } },
  // One file that carries its dependencies with it, in their builds that do without Node.js.
  ssr: { target: 'webworker', noExternal: true },
  build: {
    ssr: 'src/worker.jsx',
    // The one name Pages looks for: without it `dist` is deployed as a static site, and nothing fails.
    rolldownOptions: { output: { entryFileNames: '_worker.js' } },
  },
})
