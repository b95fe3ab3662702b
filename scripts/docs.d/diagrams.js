// Draws the Mermaid diagrams of a page with the copy of Mermaid that lies beside it.
(() => {
    const diagrams = [...document.querySelectorAll("code.language-mermaid")].map((code) => {
        const drawing = document.createElement("pre");
        drawing.className = "mermaid";
        drawing.textContent = code.textContent;
        code.closest("pre").replaceWith(drawing);
        return drawing;
    });
    const dark = ["ayu", "coal", "navy"].some((theme) => document.documentElement.classList.contains(theme));
    mermaid.initialize({ startOnLoad: false, securityLevel: "strict", theme: dark ? "dark" : "default" });
    mermaid.run({ nodes: diagrams });
})();
