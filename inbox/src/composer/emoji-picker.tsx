import { useText } from "../app/text.tsx";

const emoji =
  "😀 😃 😄 😁 😅 😂 🤣 🙂 😉 😊 😇 🥰 😍 😘 😋 😎 🤔 🤗 🤩 🥳 😏 😐 😴 😢 😭 😤 😡 🤯 😱 🙈 👍 👎 👌 ✌️ 🤞 🤝 👏 🙌 🙏 💪 👋 ☝️ 👉 👇 ❤️ 🧡 💛 💚 💙 💜 🖤 🤍 💔 💯 ✨ 🔥 🎉 🎁 🎂 🌹 🌞 🌙 ⭐ ☀️ 🌈 ☕ 🍕 🍰 🚗 ✈️ 🏠 🏥 📞 📧 📅 📌 📍 📎 📦 🛒 💳 💰 🧾 ✅ ❌ ⚠️ ❓ ❗ ⏰ 🔒 🔑 🔧 🆕 🆗".split(
    " ",
  );

export function EmojiPicker({ onPick }: { onPick: (emoji: string) => void }) {
  const text = useText();
  return (
    <div role="group" aria-label={text("emoji")} className="grid grid-cols-8 gap-0.5">
      {emoji.map((one) => (
        <button
          key={one}
          type="button"
          onClick={() => onPick(one)}
          className="grid size-8 place-items-center rounded-md text-xl hover:bg-hover"
        >
          {one}
        </button>
      ))}
    </div>
  );
}
