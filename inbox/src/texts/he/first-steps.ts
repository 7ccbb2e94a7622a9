/** What a new business does first. */
export const firstSteps = {
  first_title: "צעדים ראשונים",
  first_hide: "להסתיר את הצעדים הראשונים",
  first_done: "(בוצע)",
  first_connect: "מחברים מספר וואטסאפ",
  first_connect_hint: "דרך פייסבוק, או עם מזהים ואסימון מ־App Dashboard.",
  first_message: "מקבלים הודעה ראשונה",
  first_message_hint: "כתבו מהטלפון שלכם ל־{number}. ההודעה תופיע כאן.",
  first_message_sandbox: "כתבו בתור לקוח בטלפון של ארגז החול. ההודעה תופיע כאן.",
  first_message_later: "אחרי שמחברים מספר, כותבים אליו מהטלפון.",
  first_people: "מזמינים את הצוות",
  first_people_hint: "כל אחד עם התפקיד שלו: בעלים, מנהל, נציג או צופה.",
  first_replies: "קובעים את המענה האוטומטי (לא חובה)",
  first_replies_hint: "מה הלקוחות מקבלים כשכותבים משהו שאתם לא תומכים בו.",
};
