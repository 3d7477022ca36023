// What is a little better with a script. Every page works without.
"use strict";
(() => {
	const page = document.documentElement;
	const all = (selector) => document.querySelectorAll(selector);

	// A form is sent once, however often its button is pressed. Somebody who stopped
	// the browser can send it again a little later.
	document.addEventListener("submit", (event) => {
		const form = event.target, now = performance.now();
		if (now < Number(form.dataset.sent)) event.preventDefault();
		else form.dataset.sent = now + 5000;
	});
	addEventListener("pageshow", () => all("form").forEach((form) => delete form.dataset.sent));

	// The code in a message: the one word of it that has the right length.
	const code = document.getElementById("code");
	const length = code ? Number(code.dataset.length) : 0;
	const digits = code && code.inputMode === "numeric";
	const find = (text) => {
		const words = text.match(digits ? /[0-9]+/g : /[0-9A-Za-z]+/g) || [];
		const fits = new Set(words.filter((word) => word.length === length && /[0-9]/.test(word)));
		return fits.size === 1 ? [...fits][0] : "";
	};
	if (length) {
		code.addEventListener("paste", (event) => {
			const found = find(event.clipboardData.getData("text"));
			if (!found) return;
			event.preventDefault();
			code.value = found;
		});
	}
	if (length && "otp" in code.dataset && "OTPCredential" in window) {
		const stop = new AbortController();
		code.form.addEventListener("submit", () => stop.abort());
		navigator.credentials.get({ otp: { transport: ["sms"] }, signal: stop.signal }).then((otp) => {
			if (!otp || !find(otp.code)) return;
			code.value = find(otp.code);
			code.form.requestSubmit();
		}).catch(() => {}); // refused, or no message came
	}

	// The wait for another code.
	const resend = document.querySelector("button[data-wait]");
	if (resend && Number(resend.dataset.wait) > 0) {
		const text = document.getElementById("wait");
		const two = (n) => String(n).padStart(2, "0");
		const clock = (s) => (s < 3600 ? Math.floor(s / 60) : Math.floor(s / 3600) + ":" + two(Math.floor(s / 60) % 60)) + ":" + two(s % 60);
		const end = performance.now() + Number(resend.dataset.wait) * 1000;
		const tick = () => {
			const left = Math.ceil((end - performance.now()) / 1000);
			resend.disabled = left > 0;
			if (left > 0) {
				text.textContent = text.dataset.text.replace("{time}", clock(left));
				setTimeout(tick, 250);
				return;
			}
			text.textContent = "";
			const now = document.getElementById("now");
			now.textContent = now.dataset.text;
		};
		tick();
	}

	// Countries have their names in the language of the page.
	if (page.lang !== "en" && window.Intl && Intl.DisplayNames) {
		const names = new Intl.DisplayNames([page.lang], { type: "region" });
		const name = (region) => { try { return names.of(region); } catch { return ""; } };
		all("[data-region]").forEach((place) => { place.textContent = name(place.dataset.region) || place.textContent; });
		const list = document.getElementById("country");
		if (list) {
			const chosen = list.value;
			const rows = [...list.options].filter((row) => row.value);
			rows.forEach((row) => { row.textContent = (name(row.value) || row.text) + row.text.slice(row.text.lastIndexOf(" (")); });
			const order = new Intl.Collator(page.lang).compare;
			rows.sort((a, b) => order(a.text, b.text)).forEach((row) => list.append(row));
			list.value = chosen;
		}
	}

	all("[data-print]").forEach((button) => {
		button.hidden = false;
		button.addEventListener("click", () => print());
	});
})();
