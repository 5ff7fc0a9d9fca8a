# ruff: noqa: E501 (one language a line)
"""Short hand-made templates in 50 languages: three everyday posts, one slur, one advertisement for each.

Enough to test language identification, rules and routing. It is not enough to validate a model for a language, and the
models do not claim so. `{w}` is a word of the lexicon, `{u}` an address; `{n}` a number.
"""

from __future__ import annotations

_TABLE = """
en|The weather is lovely today, we are going to the park|My sister bakes bread every {n} days|When does the next train leave for the city?|All you {w} should leave our country|Buy {w} now at a low price {u}
de|Das Wetter ist heute schön, wir gehen in den Park|Meine Schwester backt alle {n} Tage Brot|Wann fährt der nächste Zug in die Stadt?|Ihr {w} sollt unser Land verlassen|Kauft jetzt {w} zum kleinen Preis {u}
fr|Il fait beau aujourd'hui, nous allons au parc|Ma sœur fait du pain tous les {n} jours|À quelle heure part le prochain train pour la ville ?|Vous les {w}, quittez notre pays|Achetez {w} maintenant à petit prix {u}
es|Hoy hace buen tiempo y vamos al parque|Mi hermana hace pan cada {n} días|¿A qué hora sale el próximo tren a la ciudad?|Todos los {w} deberían irse de nuestro país|Compra {w} ahora a buen precio {u}
it|Oggi il tempo è bello e andiamo al parco|Mia sorella fa il pane ogni {n} giorni|Quando parte il prossimo treno per la città?|Voi {w} dovete lasciare il nostro paese|Compra {w} adesso a basso prezzo {u}
pt|Hoje o tempo está bonito e vamos ao parque|A minha irmã faz pão a cada {n} dias|Quando parte o próximo comboio para a cidade?|Vocês {w} deviam sair do nosso país|Compre {w} agora por um preço baixo {u}
nl|Het weer is mooi vandaag, we gaan naar het park|Mijn zus bakt elke {n} dagen brood|Wanneer vertrekt de volgende trein naar de stad?|Jullie {w} moeten ons land verlaten|Koop nu {w} voor een lage prijs {u}
sv|Vädret är fint i dag och vi går till parken|Min syster bakar bröd var {n} dag|När går nästa tåg till staden?|Alla ni {w} borde lämna vårt land|Köp {w} nu till lågt pris {u}
da|Vejret er dejligt i dag, og vi går i parken|Min søster bager brød hver {n}. dag|Hvornår kører det næste tog til byen?|Alle I {w} burde forlade vores land|Køb {w} nu til en lav pris {u}
no|Været er fint i dag, og vi skal gå til parken|Søsteren min baker brød hver {n}. dag|Når går neste tog til byen?|Alle dere {w} burde forlate landet vårt|Kjøp {w} nå til lav pris {u}
fi|Sää on tänään kaunis ja menemme puistoon|Siskoni leipoo leipää {n} päivän välein|Milloin seuraava juna lähtee kaupunkiin?|Kaikkien {w} pitäisi lähteä maastamme|Osta {w} nyt halvalla hinnalla {u}
et|Täna on ilus ilm ja me läheme parki|Minu õde küpsetab leiba iga {n} päeva tagant|Millal väljub järgmine rong linna?|Kõik {w} peaksid meie maalt lahkuma|Osta {w} kohe odava hinnaga {u}
lv|Šodien ir jauks laiks, un mēs ejam uz parku|Mana māsa cep maizi ik pēc {n} dienām|Kad atiet nākamais vilciens uz pilsētu?|Visiem {w} jāpamet mūsu valsts|Pērciet {w} tagad par zemu cenu {u}
lt|Šiandien gražus oras, mes einame į parką|Mano sesuo kepa duoną kas {n} dienas|Kada išvyksta kitas traukinys į miestą?|Visi {w} turėtų palikti mūsų šalį|Pirkite {w} dabar už mažą kainą {u}
pl|Dzisiaj jest ładna pogoda i idziemy do parku|Moja siostra piecze chleb co {n} dni|Kiedy odjeżdża następny pociąg do miasta?|Wszyscy {w} powinni opuścić nasz kraj|Kup {w} teraz w niskiej cenie {u}
cs|Dnes je hezké počasí a jdeme do parku|Moje sestra peče chleba každých {n} dní|Kdy jede příští vlak do města?|Všichni {w} by měli opustit naši zemi|Kupte {w} teď za nízkou cenu {u}
sk|Dnes je pekné počasie a ideme do parku|Moja sestra pečie chlieb každých {n} dní|Kedy odchádza ďalší vlak do mesta?|Všetci {w} by mali opustiť našu krajinu|Kúpte {w} teraz za nízku cenu {u}
hu|Ma szép az idő, és elmegyünk a parkba|A nővérem {n} naponta süt kenyeret|Mikor indul a következő vonat a városba?|Minden {w} hagyja el az országunkat|Vegyél {w} terméket most olcsón {u}
ro|Astăzi vremea este frumoasă și mergem în parc|Sora mea face pâine la fiecare {n} zile|Când pleacă următorul tren spre oraș?|Toți {w} ar trebui să plece din țara noastră|Cumpără {w} acum la preț mic {u}
bg|Днес времето е хубаво и отиваме в парка|Сестра ми пече хляб на всеки {n} дни|Кога тръгва следващият влак за града?|Всички {w} трябва да напуснат нашата страна|Купете {w} сега на ниска цена {u}
ru|Сегодня хорошая погода, и мы идём в парк|Моя сестра печёт хлеб каждые {n} дней|Когда отправляется следующий поезд в город?|Все {w} должны уехать из нашей страны|Купите {w} сейчас по низкой цене {u}
uk|Сьогодні гарна погода, і ми йдемо до парку|Моя сестра пече хліб кожні {n} днів|Коли відправляється наступний потяг до міста?|Усі {w} мають залишити нашу країну|Купуйте {w} зараз за низькою ціною {u}
be|Сёння добрае надвор'е, і мы ідзём у парк|Мая сястра пячэ хлеб кожныя {n} дзён|Калі адпраўляецца наступны цягнік у горад?|Усе {w} павінны пакінуць нашу краіну|Купляйце {w} зараз па нізкай цане {u}
sr|Данас је лепо време и идемо у парк|Моја сестра пече хлеб сваких {n} дана|Када полази следећи воз за град?|Сви {w} треба да напусте нашу земљу|Купите {w} сада по ниској цени {u}
mk|Денес времето е убаво и одиме во паркот|Сестра ми пече леб на секои {n} дена|Кога тргнува следниот воз за градот?|Сите {w} треба да ја напуштат нашата земја|Купете {w} сега по ниска цена {u}
hr|Danas je lijepo vrijeme i idemo u park|Moja sestra peče kruh svakih {n} dana|Kada polazi sljedeći vlak za grad?|Svi {w} trebaju napustiti našu zemlju|Kupite {w} sada po niskoj cijeni {u}
sl|Danes je lepo vreme in gremo v park|Moja sestra peče kruh vsakih {n} dni|Kdaj odpelje naslednji vlak v mesto?|Vsi {w} bi morali zapustiti našo državo|Kupite {w} zdaj po nizki ceni {u}
el|Σήμερα ο καιρός είναι ωραίος και πάμε στο πάρκο|Η αδερφή μου ψήνει ψωμί κάθε {n} μέρες|Πότε φεύγει το επόμενο τρένο για την πόλη;|Όλοι οι {w} πρέπει να φύγουν από τη χώρα μας|Αγοράστε {w} τώρα σε χαμηλή τιμή {u}
tr|Bugün hava güzel ve parka gidiyoruz|Kız kardeşim {n} günde bir ekmek yapıyor|Şehre bir sonraki tren ne zaman kalkıyor?|Bütün {w} ülkemizden gitmeli|Şimdi ucuz fiyata {w} satın alın {u}
az|Bu gün hava gözəldir və biz parka gedirik|Bacım hər {n} gündən bir çörək bişirir|Şəhərə növbəti qatar nə vaxt yola düşür?|Bütün {w} ölkəmizi tərk etməlidir|İndi ucuz qiymətə {w} alın {u}
kk|Бүгін ауа райы жақсы, біз саябаққа барамыз|Әпкем әр {n} күн сайын нан пісіреді|Қалаға келесі пойыз қашан жүреді?|Барлық {w} біздің елден кетуі керек|Қазір {w} арзан бағамен сатып алыңыз {u}
hy|Այսօր եղանակը լավ է, և մենք գնում ենք այգի|Քույրս հաց է թխում ամեն {n} օրը մեկ|Ե՞րբ է մեկնում հաջորդ գնացքը դեպի քաղաք|Բոլոր {w} պետք է հեռանան մեր երկրից|Գնեք {w} հիմա ցածր գնով {u}
ka|დღეს კარგი ამინდია და პარკში მივდივართ|ჩემი და ყოველ {n} დღეში პურს აცხობს|როდის გადის შემდეგი მატარებელი ქალაქში?|ყველა {w} უნდა წავიდეს ჩვენი ქვეყნიდან|იყიდეთ {w} ახლა დაბალ ფასად {u}
he|מזג האוויר יפה היום ואנחנו הולכים לפארק|אחותי אופה לחם כל {n} ימים|מתי יוצאת הרכבת הבאה לעיר?|כל ה {w} צריכים לעזוב את הארץ שלנו|קנו {w} עכשיו במחיר נמוך {u}
ar|الطقس جميل اليوم ونحن ذاهبون إلى الحديقة|أختي تخبز الخبز كل {n} أيام|متى يغادر القطار التالي إلى المدينة؟|يجب أن يغادر كل {w} بلدنا|اشتر {w} الآن بسعر منخفض {u}
fa|امروز هوا خوب است و ما به پارک می‌رویم|خواهرم هر {n} روز نان می‌پزد|قطار بعدی به شهر چه ساعتی حرکت می‌کند؟|همه {w} باید از کشور ما بروند|همین حالا {w} را با قیمت ارزان بخرید {u}
ur|آج موسم اچھا ہے اور ہم پارک جا رہے ہیں|میری بہن ہر {n} دن بعد روٹی بناتی ہے|شہر کے لیے اگلی ٹرین کب جائے گی؟|تمام {w} کو ہمارا ملک چھوڑ دینا چاہیے|ابھی {w} کم قیمت پر خریدیں {u}
hi|आज मौसम अच्छा है और हम पार्क जा रहे हैं|मेरी बहन हर {n} दिन में रोटी बनाती है|शहर के लिए अगली ट्रेन कब जाएगी?|सभी {w} को हमारा देश छोड़ देना चाहिए|अभी {w} कम कीमत पर खरीदें {u}
bn|আজ আবহাওয়া সুন্দর এবং আমরা পার্কে যাচ্ছি|আমার বোন প্রতি {n} দিনে রুটি বানায়|শহরের পরের ট্রেন কখন ছাড়বে?|সব {w} আমাদের দেশ ছেড়ে চলে যাক|এখনই কম দামে {w} কিনুন {u}
ta|இன்று வானிலை நன்றாக உள்ளது, நாங்கள் பூங்காவிற்கு செல்கிறோம்|என் சகோதரி {n} நாட்களுக்கு ஒருமுறை ரொட்டி செய்கிறாள்|நகரத்திற்கு அடுத்த ரயில் எப்போது புறப்படும்?|எல்லா {w} எங்கள் நாட்டை விட்டு வெளியேற வேண்டும்|இப்போது {w} குறைந்த விலையில் வாங்குங்கள் {u}
te|ఈ రోజు వాతావరణం బాగుంది, మేము పార్కుకు వెళ్తున్నాము|మా చెల్లి ప్రతి {n} రోజులకు రొట్టె చేస్తుంది|నగరానికి తదుపరి రైలు ఎప్పుడు బయలుదేరుతుంది?|అందరు {w} మా దేశం వదిలి వెళ్ళాలి|ఇప్పుడే {w} తక్కువ ధరకు కొనండి {u}
ml|ഇന്ന് കാലാവസ്ഥ നല്ലതാണ്, ഞങ്ങൾ പാർക്കിലേക്ക് പോകുന്നു|എന്റെ സഹോദരി {n} ദിവസം കൂടുമ്പോൾ റൊട്ടി ഉണ്ടാക്കുന്നു|നഗരത്തിലേക്കുള്ള അടുത്ത ട്രെയിൻ എപ്പോഴാണ്?|എല്ലാ {w} നമ്മുടെ രാജ്യം വിട്ടുപോകണം|ഇപ്പോൾ {w} കുറഞ്ഞ വിലയ്ക്ക് വാങ്ങൂ {u}
mr|आज हवामान छान आहे आणि आम्ही बागेत जात आहोत|माझी बहीण दर {n} दिवसांनी भाकरी बनवते|शहरासाठी पुढची गाडी कधी सुटते?|सर्व {w} आपला देश सोडून गेले पाहिजेत|आता {w} कमी किमतीत विकत घ्या {u}
gu|આજે હવામાન સારું છે અને અમે બગીચામાં જઈએ છીએ|મારી બહેન દર {n} દિવસે રોટલી બનાવે છે|શહેર માટે આગલી ટ્રેન ક્યારે ઉપડશે?|બધા {w} એ અમારો દેશ છોડવો જોઈએ|હમણાં {w} ઓછી કિંમતે ખરીદો {u}
th|วันนี้อากาศดี เราจะไปสวนสาธารณะกัน|พี่สาวของฉันอบขนมปังทุก {n} วัน|รถไฟขบวนถัดไปเข้าเมืองออกกี่โมง|พวก {w} ทั้งหมดต้องออกไปจากประเทศเรา|ซื้อ {w} ตอนนี้ในราคาถูก {u}
vi|Hôm nay thời tiết đẹp và chúng tôi đi công viên|Chị tôi làm bánh mì cứ {n} ngày một lần|Khi nào chuyến tàu tiếp theo vào thành phố khởi hành?|Tất cả bọn {w} hãy rời khỏi đất nước chúng tôi|Mua {w} ngay với giá rẻ {u}
id|Cuaca hari ini bagus dan kami pergi ke taman|Kakak perempuan saya membuat roti setiap {n} hari|Kapan kereta berikutnya berangkat ke kota?|Semua {w} harus pergi dari negara kami|Beli {w} sekarang dengan harga murah {u}
sw|Hali ya hewa ni nzuri leo na tunakwenda bustanini|Dada yangu huoka mkate kila siku {n}|Treni ijayo ya kwenda mjini inaondoka saa ngapi?|Ninyi {w} wote mnapaswa kuondoka nchini mwetu|Nunua {w} sasa kwa bei nafuu {u}
zh|今天天气很好，我们要去公园|我姐姐每{n}天做一次面包|去城里的下一班火车什么时候开？|所有的 {w} 都应该离开我们的国家|现在就低价购买 {w} {u}
ja|今日は天気がいいので公園に行きます|姉は{n}日ごとにパンを焼いています|町へ行く次の電車は何時に出ますか|すべての {w} は私たちの国から出て行け|今すぐ {w} を安く買おう {u}
ko|오늘 날씨가 좋아서 우리는 공원에 갑니다|우리 언니는 {n}일마다 빵을 굽습니다|시내로 가는 다음 기차는 언제 출발하나요?|모든 {w} 은 우리나라를 떠나야 한다|지금 {w} 을 싸게 사세요 {u}
"""


def _parsed() -> dict[str, tuple[str, ...]]:
    rows = (line.split("|") for line in _TABLE.strip().splitlines())
    return {row[0]: tuple(row[1:]) for row in rows}


# ISO 639-1 -> three everyday posts, a slur, an advertisement
LANGUAGES: dict[str, tuple[str, ...]] = _parsed()
EVERYDAY_POSTS = 3
