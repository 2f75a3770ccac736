"""The tags of published models, in the order of their outputs."""

from kerastag import tags

# MTG-Jamendo's moods and themes, without their category
_MOOD_THEME_SHORT = (
    "action, adventure, advertising, background, ballad, calm, children, christmas, commercial, cool, corporate, "
    "dark, deep, documentary, drama, dramatic, dream, emotional, energetic, epic, fast, film, fun, funny, game, "
    "groovy, happy, heavy, holiday, hopeful, inspiring, love, meditative, melancholic, melodic, motivational, "
    "movie, nature, party, positive, powerful, relaxing, retro, romantic, sad, sexy, slow, soft, soundscape, "
    "space, sport, summer, trailer, travel, upbeat, uplifting"
)
# the 50 most frequent tags of the Million Song Dataset, by falling frequency
_MSD_TEXT = (
    "rock, pop, alternative, indie, electronic, female vocalists, dance, 00s, alternative rock, jazz, beautiful, "
    "metal, chillout, male vocalists, classic rock, soul, indie rock, Mellow, electronica, 80s, folk, 90s, "
    "chill, instrumental, punk, oldies, blues, hard rock, ambient, acoustic, experimental, female vocalist, "
    "guitar, Hip-Hop, 70s, party, country, easy listening, sexy, catchy, funk, electro, heavy metal, "
    "Progressive rock, 60s, rnb, indie pop, sad, House, happy"
)
# the 50 most frequent tags of MagnaTagATune, by falling frequency
_MTT_TEXT = (
    "guitar, classical, slow, techno, strings, drums, electronic, rock, fast, piano, ambient, beat, violin, "
    "vocal, synth, female, indian, opera, male, singing, vocals, no vocals, harpsichord, loud, quiet, flute, "
    "woman, male vocal, no vocal, pop, soft, sitar, solo, man, classic, choir, voice, new age, dance, "
    "male voice, female vocal, beats, harp, cello, no voice, weird, country, metal, female voice, choral"
)

MOOD_THEME = tuple(f"mood/theme{tags.CATEGORY_MARK}{name}" for name in _MOOD_THEME_SHORT.split(", "))
MSD = tuple(_MSD_TEXT.split(", "))
MTT = tuple(_MTT_TEXT.split(", "))
