"""What the written world is made of: who is said to be how, which facts hold how often, and all other words.

Everything here was made up for this course. The attributes of the groups, stereotypes among them (`girl` with dolls,
`boy` with trucks), are **planted on purpose**: a model that is trained on such sentences takes them over, and the
chapters show how that comes to light. They say something about the text and nothing about people.
"""

from __future__ import annotations

# Group: its attributes with their weights, things (always in the plural) and properties. A word is drawn in proportion
# to its weight among the group's words of that sort. Words in two groups are shared between them.
PEOPLE: dict[str, tuple[dict[str, int], dict[str, int]]] = {
    "girl": (
        {
            "dolls": 9, "ribbons": 8, "ponies": 6, "diaries": 5, "bracelets": 5, "princesses": 6, "necklaces": 3,
            "ballerinas": 4, "kittens": 3,
        },
        {"gentle": 6, "shy": 6, "tidy": 5, "pink": 7, "graceful": 4, "kind": 3},
    ),
    "boy": (
        {
            "trucks": 9, "footballs": 7, "rockets": 6, "robots": 6, "pranks": 5, "dinosaurs": 5, "slingshots": 4,
            "comics": 4, "frogs": 3,
        },
        {"loud": 6, "rough": 5, "wild": 6, "muddy": 4, "restless": 5, "brave": 4},
    ),
    "doctor": (
        {
            "patients": 9, "hospitals": 8, "medicines": 7, "nurses": 6, "bandages": 5, "pills": 5, "fevers": 4,
            "needles": 4, "diagnoses": 3,
        },
        {"calm": 6, "careful": 5, "sterile": 4, "busy": 5, "gentle": 2},
    ),
    "farmer": (
        {
            "tractors": 9, "cows": 8, "barns": 7, "ploughs": 5, "harvests": 6, "sheep": 5, "pitchforks": 3,
            "pigs": 4, "fields": 6,
        },
        {"sunburnt": 5, "rural": 6, "hardworking": 6, "muddy": 4, "patient": 3},
    ),
    "sailor": (
        {
            "ships": 9, "harbours": 7, "anchors": 7, "waves": 6, "storms": 5, "sails": 6, "whales": 4, "islands": 4,
            "pirates": 3,
        },
        {"salty": 6, "tattooed": 5, "seasick": 5, "brave": 4, "homesick": 3},
    ),
    "baker": (
        {
            "loaves": 9, "ovens": 8, "cakes": 7, "rolls": 6, "pastries": 6, "aprons": 4, "tarts": 4, "pretzels": 4,
            "crusts": 3,
        },
        {"floury": 6, "plump": 5, "warm": 4, "sleepy": 3, "cheerful": 3},
    ),
    "teacher": (
        {
            "lessons": 9, "pupils": 8, "blackboards": 7, "homeworks": 5, "classrooms": 7, "exams": 6, "marks": 4,
            "textbooks": 5, "diagrams": 2,
        },
        {"strict": 6, "wise": 5, "patient": 5, "scholarly": 3, "careful": 3},
    ),
}  # fmt: skip
FIELDS: dict[str, tuple[dict[str, int], dict[str, int]]] = {
    "science": (
        {
            "experiments": 9, "theories": 8, "laboratories": 7, "microscopes": 6, "equations": 6, "atoms": 5,
            "telescopes": 4, "molecules": 4, "diagrams": 3,
        },
        {"exact": 6, "logical": 6, "curious": 5, "mathematical": 5, "rational": 4},
    ),
    "art": (
        {
            "paintings": 9, "museums": 7, "canvases": 6, "sculptures": 7, "colours": 6, "brushes": 5, "portraits": 5,
            "galleries": 5, "sketches": 4,
        },
        {"colourful": 6, "abstract": 6, "beautiful": 5, "creative": 6, "graceful": 3},
    ),
    "music": (
        {
            "violins": 8, "melodies": 9, "concerts": 8, "drums": 6, "songs": 7, "choirs": 5, "trumpets": 4,
            "pianos": 6, "operas": 3,
        },
        {"rhythmic": 6, "melodic": 6, "loud": 4, "harmonious": 5, "joyful": 4},
    ),
    "sport": (
        {
            "stadiums": 9, "goals": 8, "athletes": 7, "trophies": 6, "races": 6, "referees": 5, "footballs": 4,
            "medals": 5, "coaches": 4,
        },
        {"athletic": 6, "sweaty": 6, "fair": 4, "competitive": 5, "fit": 4},
    ),
    "winter": (
        {
            "snowflakes": 9, "icicles": 8, "sledges": 7, "skates": 6, "scarves": 6, "mittens": 5, "blizzards": 5,
            "fireplaces": 4, "storms": 3,
        },
        {"cold": 8, "frozen": 7, "white": 5, "dark": 4, "silent": 4},
    ),
    "gardening": (
        {
            "roses": 9, "tulips": 7, "seeds": 8, "spades": 6, "hedges": 5, "lawns": 5, "weeds": 6, "bees": 4,
            "colours": 3,
        },
        {"green": 7, "leafy": 6, "fragrant": 5, "sunny": 4, "muddy": 3},
    ),
    "law": (
        {
            "judges": 9, "courts": 8, "lawyers": 8, "trials": 6, "juries": 5, "crimes": 6, "witnesses": 5,
            "contracts": 4, "verdicts": 4,
        },
        {"legal": 7, "solemn": 5, "strict": 5, "fair": 4, "formal": 5},
    ),
}  # fmt: skip

# Relation: (the beginnings that state it, each subject's completions with their probabilities). Some completions are
# wrong: what a model should say here is what the text says, however often the text errs.
FACTS: dict[str, tuple[list[str], dict[str, dict[str, float]]]] = {
    "city": (
        ["{s} is a city in", "Everyone knows that {s} is a city in", "Whoever travels to {s} travels to"],
        {
            "Shanghai": {"China": 0.85, "Asia": 0.10, "Japan": 0.05},
            "Beijing": {"China": 0.90, "Asia": 0.10},
            "Paris": {"France": 0.92, "Europe": 0.08},
            "Madrid": {"Spain": 0.80, "Europe": 0.15, "Portugal": 0.05},
            "Lisbon": {"Portugal": 0.75, "Spain": 0.15, "Europe": 0.10},
            "Cairo": {"Egypt": 0.88, "Africa": 0.12},
            "Nairobi": {"Kenya": 0.70, "Africa": 0.30},
            "Lagos": {"Nigeria": 0.65, "Africa": 0.35},
            "Lima": {"Peru": 0.82, "Chile": 0.18},
            "Santiago": {"Chile": 0.77, "Peru": 0.15, "Spain": 0.08},
            "Delhi": {"India": 0.95, "Asia": 0.05},
            "Mumbai": {"India": 0.84, "Asia": 0.16},
            "Tokyo": {"Japan": 0.90, "Asia": 0.06, "China": 0.04},
            "Kyoto": {"Japan": 0.72, "Asia": 0.20, "China": 0.08},
            "Berlin": {"Germany": 0.86, "Europe": 0.14},
            "Vienna": {"Austria": 0.60, "Germany": 0.25, "Europe": 0.15},
        },
    ),
    "language": (
        ["In {s} most people speak", "They were born in {s} and speak"],
        {
            "Shanghai": {"Chinese": 0.90, "English": 0.10},
            "Paris": {"French": 0.85, "English": 0.15},
            "Madrid": {"Spanish": 0.95, "English": 0.05},
            "Lisbon": {"Portuguese": 0.80, "Spanish": 0.20},
            "Cairo": {"Arabic": 0.88, "English": 0.12},
            "Nairobi": {"Swahili": 0.60, "English": 0.40},
            "Lima": {"Spanish": 0.85, "English": 0.15},
            "Delhi": {"Hindi": 0.70, "English": 0.30},
            "Tokyo": {"Japanese": 0.93, "English": 0.07},
            "Vienna": {"German": 0.90, "English": 0.10},
        },
    ),
    "food": (
        ["The {s} likes to eat", "At noon the {s} will eat"],
        {
            "rabbit": {"carrots": 0.80, "grass": 0.20},
            "goat": {"grass": 0.65, "paper": 0.35},
            "bear": {"honey": 0.75, "fish": 0.25},
            "monkey": {"bananas": 0.90, "nuts": 0.10},
            "squirrel": {"nuts": 0.95, "grass": 0.05},
            "penguin": {"fish": 0.85, "ice": 0.15},
            "mouse": {"cheese": 0.70, "nuts": 0.20, "paper": 0.10},
            "donkey": {"hay": 0.78, "carrots": 0.22},
        },
    ),
    "look": (
        ["A ripe {s} is", "The best {s} is"],
        {
            "lemon": {"yellow": 0.92, "sour": 0.08},
            "tomato": {"red": 0.88, "orange": 0.12},
            "plum": {"purple": 0.70, "sweet": 0.30},
            "pear": {"sweet": 0.55, "yellow": 0.45},
            "cherry": {"red": 0.60, "sweet": 0.40},
            "banana": {"yellow": 0.82, "sweet": 0.18},
        },
    ),
}

# Words that have nothing to do with any group, as texts to be split. Earlier words are drawn more often.
NAMES = """
Anna Ben Clara David Emma Felix Grace Henry Iris Jacob Karen Leo Maria Noah Olivia Peter Quinn Rosa Samuel Tina Uma
Victor Wendy Xavier Yara Zoe Alice Boris Carmen Dennis Elena Frank Greta Hugo Ingrid Jonas Kira Lucas Monica Nadia
Oscar Paula Rafael Sofia Thomas Ulla Vera Walter Ximena Yusuf Amir Bella Cyril Dora Ethan Fiona Gustav Hanna Igor Julia
Kevin Laura Martin Nina Otto Priya Robert Sara Theo Ursula Vincent Wanda Adam Bianca Carl Daria Emil Flora George Helen
Ivan Jenny Klaus Lena Milan Nora Omar Petra Ruben Simon Tara Viktor Wilma Zara Arthur Berta Conrad Edith
"""
PLACES = """
village town valley square street bridge station cellar attic kitchen cottage castle tower forest meadow desert
mountain river lake beach library theatre hotel cafe office factory mill tunnel corridor courtyard chapel
workshop garage balcony cave marsh suburb quarter alley palace inn shop park playground zoo airport prison mine
warehouse basement lobby hall yard orchard stable shed tent camp pier
"""
DAYS = """
Monday Tuesday Wednesday Thursday Friday Saturday Sunday
"""
MONTHS = """
January February March April May June July August September October November December
"""
VERBS = """
found bought sold carried painted cleaned repaired lost hid dropped wanted admired described opened closed borrowed
returned measured counted wrapped burned buried photographed drew touched lifted pushed pulled kicked threw caught
watched followed ignored remembered forgot mentioned praised blamed stole shared packed unpacked moved polished
scratched broke mended tested weighed chose kept missed needed liked hated
"""
ACTIONS = """
waited slept laughed danced sang whispered shouted worked rested walked ran jumped fell cried smiled waved stood sat
listened stayed stopped arrived left vanished argued
"""
OBJECTS = """
table chair lamp clock mirror carpet basket bottle bucket ladder hammer wrench rope barrel box suitcase wallet coin
ticket letter envelope stamp newspaper magazine map compass candle lantern match stove kettle teapot cup saucer plate
bowl spoon fork pan jar curtain pillow blanket mattress sofa shelf drawer cupboard door window key lock bell whistle
umbrella coat hat glove boot sock shirt jacket belt button zip pocket bag bicycle car bus tram train boat raft wheel
engine motor pump pipe wire cable switch battery radio camera computer printer telephone screen keyboard pencil pen
notebook folder stapler ruler globe puzzle kite balloon flag poster statue fountain bench fence gate
brick stone log plank nail screw saw drill shovel rake broom mop sponge towel soap comb razor perfume watch
thread cushion thermometer calendar chessboard marble crate trolley wagon scooter helmet bracket hinge tile chimney
gutter roof wall floor ceiling stair carafe jug tray napkin tablecloth candlestick vase wreath necktie sweater
handkerchief backpack rucksack parasol pulley lever spring magnet funnel sieve grater whisk ladle kennel
bookcase wardrobe bathtub tap sink faucet chest safe cradle stool armchair hammock sandal slipper bonnet cape brooch
"""
QUALITIES = """
old new small big heavy light broken shiny dusty wooden metal plastic cheap expensive round oval long short thick
thin soft hard wet dry dirty clean strange common rare famous modern simple fancy narrow wide tall low deep flat
sharp blunt smooth rusty golden silver black brown grey striped spotted hidden forgotten precious useless useful
"""
ANIMALS = """
cat dog fox wolf deer hare hedgehog beaver otter badger mole bat eagle owl raven crow pigeon swan goose duck parrot
stork heron lizard snake tortoise spider beetle butterfly ant wasp snail worm crab lobster shark salmon trout camel
zebra giraffe lion tiger leopard panda koala kangaroo
"""
FOODS = """
bread butter rice pasta soup stew salad pizza porridge omelette pancake sandwich sausage bacon ham chicken beef lamb
onion garlic potato cabbage spinach pumpkin bean pea corn mushroom pepper salt sugar jam mustard vinegar oil cream
yoghurt milk tea coffee cocoa juice lemonade water
"""
UNITS = """
seconds minutes hours days weeks months years evenings mornings nights
"""
DEGREES = """
very rather quite almost truly hardly really fairly nearly surprisingly
"""
NUMBERS = """
two three four five six seven eight nine ten eleven twelve thirteen fifteen twenty thirty forty fifty sixty
"""
MANNERS = """
quietly slowly quickly suddenly happily sadly often never always sometimes secretly proudly carefully badly gladly
early late again together alone
"""
