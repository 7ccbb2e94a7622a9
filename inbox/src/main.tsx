import { createRoot } from "react-dom/client";
import { App } from "./app/app.tsx";
import { handOver, isReturn } from "./connect/returned.ts";
import "./styles.css";

const root = document.getElementById("root");
if (isReturn(location.pathname)) void handOver();
else if (root !== null) createRoot(root).render(<App />);
