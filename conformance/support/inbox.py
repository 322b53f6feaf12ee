"""Where messages to users arrive: a small SMTP server, and a server for Okta's telephony inline hook. What arrived can be
asked for by `GET /messages?to=…`, the oldest first."""

import asyncio
import base64
import email
import email.policy
import http.server
import json
import ssl
import threading
import urllib.parse


class Inbox:
    """Both servers on loopback ports of their own. Who sends mails signs in as `stepgate` with the secret; the hook wants
    it in the header `Authorization`."""

    def __init__(self, certificate, key, secret):
        self.certificate, self.key, self.secret = certificate, key, secret
        self.messages, self.lock = [], threading.Lock()
        self.http = self.loop = None

    def start(self):
        box = self

        class Hook(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self):
                if self.headers["Authorization"] != box.secret:
                    return self.send_error(401)
                body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                profile = body["data"]["messageProfile"]
                kind = "sms" if profile["deliveryChannel"].upper() == "SMS" else "call"
                box.add(kind, profile["phoneNumber"], profile.get("msgTemplate", ""), profile.get("otpCode"))
                action = {"status": "SUCCESSFUL", "provider": "inbox", "transactionId": "1"}
                self.answer({"commands": [{"type": "com.okta.telephony.action", "value": [action]}]})

            def do_GET(self):
                wanted = urllib.parse.parse_qs(urllib.parse.urlsplit(self.path).query).get("to", [None])[0]
                with box.lock:
                    self.answer([one for one in box.messages if wanted in (None, one["to"])])

            def answer(self, value):
                body = json.dumps(value).encode()
                self.send_response(200)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_):
                pass

        self.http = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Hook)
        tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        tls.load_cert_chain(self.certificate, self.key)
        self.http.socket = tls.wrap_socket(self.http.socket, server_side=True)
        origin = f"https://localhost:{self.http.server_address[1]}"
        self.hook_url, self.messages_url = f"{origin}/telephony", f"{origin}/messages"
        threading.Thread(target=self.http.serve_forever, daemon=True).start()

        self.loop = asyncio.new_event_loop()
        self.smtp = self.loop.run_until_complete(asyncio.start_server(self._serve, "127.0.0.1", 0))
        self.smtp_port = self.smtp.sockets[0].getsockname()[1]
        threading.Thread(target=self.loop.run_forever, daemon=True).start()

    def stop(self):
        if self.http is not None:
            self.http.shutdown()
            self.http.server_close()
        if self.loop is not None:
            self.loop.call_soon_threadsafe(self.loop.stop)

    def add(self, kind, to, text, code=None):
        with self.lock:
            self.messages.append({"kind": kind, "to": to, "text": text, "code": code})

    async def _serve(self, reader, writer):
        """One SMTP connection (RFC 5321), with STARTTLS (RFC 3207) and AUTH PLAIN (RFC 4954)."""

        async def say(line):
            writer.write(line.encode() + b"\r\n")
            await writer.drain()

        recipients, secure, known = [], False, False
        await say("220 inbox ESMTP")
        while line := (await reader.readline()).decode("ascii", "replace").strip():
            verb = line.split(" ", 1)[0].upper()
            if verb in ("EHLO", "HELO"):
                features = ["inbox", "8BITMIME", "SMTPUTF8"] + (["AUTH PLAIN"] if secure else ["STARTTLS"])
                for feature in features[:-1]:
                    await say(f"250-{feature}")
                await say(f"250 {features[-1]}")
            elif verb == "STARTTLS":
                await say("220 go ahead")
                tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
                tls.load_cert_chain(self.certificate, self.key)
                await writer.start_tls(tls)
                secure = True
            elif verb == "AUTH":
                given = base64.b64decode(line.split(" ")[2]).split(b"\0")
                known = given[1:] == [b"stepgate", self.secret.encode()]
                await say("235 welcome" if known else "535 no")
            elif verb in ("MAIL", "RCPT") and not known:
                await say("530 who are you?")
            elif verb == "MAIL":
                recipients = []
                await say("250 ok")
            elif verb == "RCPT":
                recipients.append(line.split("<", 1)[1].split(">", 1)[0])
                await say("250 ok")
            elif verb == "DATA":
                await say("354 go ahead")
                lines = []
                while (data := await reader.readline()) not in (b".\r\n", b""):
                    lines.append(data[1:] if data.startswith(b"..") else data)
                message = email.message_from_bytes(b"".join(lines), policy=email.policy.default)
                text = message.get_body(("plain",)).get_content()
                for recipient in recipients:
                    self.add("email", recipient, text)
                await say("250 ok")
            elif verb == "QUIT":
                await say("221 bye")
                break
            else:
                await say("250 ok")
        writer.close()
