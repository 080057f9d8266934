import { marked } from 'marked'
import home from './home.md?raw'

// Rendered once, when the worker starts: the text cannot change before the next deployment.
export const homeHtml = marked.parse(home)
