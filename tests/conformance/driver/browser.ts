// A person in front of a browser who agrees to everything: mcpd's pages, the authorization server, and back.

export class Browser {
    readonly #origin: string;
    #cookie = '';

    constructor(origin: string) {
        this.#origin = origin;
    }

    /** Follows a link to mcpd's connect page until the server is connected. Fails on any page that says no. */
    async consent(link: string): Promise<void> {
        const question = await this.#page(link);
        const fields = new URLSearchParams();
        for (const name of ['form_token', 'issuer', 'ticket', 'scope']) fields.set(name, hidden(question, name));
        const { pathname } = new URL(link);
        const onward = await this.#page(`${this.#origin}${pathname}`, fields);
        const authorization = unescaped(/<a href="([^"]*)"/.exec(onward)?.[1] ?? '');
        const reply = await fetch(authorization, { redirect: 'manual' });
        const back = reply.headers.get('location');
        if (back === null) throw new Error(`the authorization server answers ${reply.status}: ${await reply.text()}`);
        await this.#page(back);
    }

    async #page(url: string, fields?: URLSearchParams): Promise<string> {
        const headers: Record<string, string> = { Cookie: this.#cookie };
        if (fields) headers.Origin = this.#origin;
        const method = fields ? 'POST' : 'GET';
        const reply = await fetch(url, { method, headers, body: fields, redirect: 'manual' });
        const cookie = reply.headers.getSetCookie()[0]?.split(';')[0];
        if (cookie) this.#cookie = cookie;
        const text = await reply.text();
        if (reply.status !== 200) throw new Error(`${url}: ${reply.status} ${/<p>(.*?)<\/p>/.exec(text)?.[1] ?? text}`);
        return text;
    }
}

function hidden(page: string, name: string): string {
    const value = new RegExp(`name="${name}" value="([^"]*)"`).exec(page)?.[1];
    if (value === undefined) throw new Error(`no field \`${name}\` on the page: ${page}`);
    return unescaped(value);
}

function unescaped(text: string): string {
    const letters: Record<string, string> = { quot: '"', '#39': "'", lt: '<', gt: '>', amp: '&' };
    return text.replace(/&(quot|#39|lt|gt|amp);/g, (_whole, name: string) => letters[name] ?? '');
}
