"""How to answer which feeling: the listener's manner, by groups of the 32 labels.

All sentences here were written for this project.
"""

from collections.abc import Mapping
from dataclasses import dataclass

SAID: Mapping[str, str] = {
    label: label
    for label in (
        "afraid angry annoyed anxious apprehensive ashamed caring confident content devastated disappointed"
        " disgusted embarrassed excited faithful furious grateful guilty hopeful impressed jealous joyful"
        " lonely nostalgic prepared proud sad sentimental surprised terrified trusting"
    ).split()
} | {"anticipating": "full of anticipation"}
"""How each label reads after "they feel"."""


@dataclass(frozen=True)
class Manner:
    """How to answer one group of feelings."""

    goals: tuple[str, ...]
    """What a reply may be for."""
    openings: tuple[str, ...]
    """First words of a reply, which the model completes from what the person said."""
    plain: tuple[str, ...]
    """First sentences that fit any such feeling, where no completion is sound."""
    closings: tuple[str, ...]
    """Second sentences to choose from."""
    examples: tuple[tuple[str, str], ...]
    """What a person said, and a good answer."""
    mark: str = "."
    """Ends a completed opening."""


def manner(label: str) -> Manner:
    """The manner for one of the 32 labels."""
    return _MANNERS[_GROUPS[label]]


_GROUPS: Mapping[str, str] = {
    label: group
    for group, labels in {
        "grief": "devastated sad",
        "lonely": "lonely",
        "fear": "afraid terrified anxious apprehensive",
        "anger": "angry annoyed furious",
        "shame": "ashamed embarrassed guilty",
        "disappointed": "disappointed",
        "joy": "joyful excited anticipating hopeful",
        "pride": "proud confident prepared",
        "gratitude": "grateful trusting faithful caring",
        "memory": "nostalgic sentimental content",
        "surprise": "surprised impressed",
        "disgust": "disgusted",
        "envy": "jealous",
    }.items()
    for label in labels.split()
}

_MANNERS: Mapping[str, Manner] = {
    "grief": Manner(
        goals=(
            "To comfort them and stay with them in their sadness.",
            "To let them mourn and show that they are not alone.",
        ),
        openings=(
            "I'm so sorry about",
            "I'm so sorry that you",
            "It must hurt so much to",
            "How heartbreaking that you",
        ),
        plain=(
            "I'm so sorry, that must hurt so much.",
            "That is heartbreaking, I'm so sorry.",
        ),
        closings=(
            "You don't have to go through this alone.",
            "How are you holding up?",
            "It's okay to let yourself be sad.",
            "Take all the time you need.",
            "Do you have someone to lean on right now?",
        ),
        examples=(
            (
                "My grandpa passed away on Sunday. He raised me.",
                "I'm so sorry about your grandpa. Losing the man who raised you must leave such a hole.",
            ),
            (
                "We had to put our old cat to sleep yesterday.",
                "Oh, I'm so sorry about your cat. Saying goodbye after all those years hurts so much.",
            ),
            (
                "The fire took everything we owned.",
                "That is heartbreaking, I'm so sorry. Losing everything at once must feel unreal.",
            ),
            (
                "She broke up with me after six years and I can't stop crying.",
                "I'm so sorry, six years is a big part of your life. Of course you can't stop crying.",
            ),
        ),
    ),
    "lonely": Manner(
        goals=(
            "To keep them company and let them feel heard.",
            "To show them that they matter and ask what they miss.",
        ),
        openings=(
            "It must feel so lonely to",
            "It sounds so lonely when",
            "I'm sorry that you",
            "You must really miss",
        ),
        plain=(
            "That sounds really lonely.",
            "That must feel so empty.",
        ),
        closings=(
            "I'm glad you told me.",
            "What do you miss the most?",
            "It's okay to wish for company.",
            "You are not alone in feeling this way.",
            "Who do you feel close to these days?",
        ),
        examples=(
            (
                "All my friends moved away after college. My weekends are so quiet now.",
                "That sounds lonely, having everyone move away at once. What were your weekends like before?",
            ),
            (
                "My husband works nights and I eat dinner alone every day.",
                "Eating alone every day must make the evenings feel long. I'm glad you told me.",
            ),
            (
                "Nobody at work ever asks me to lunch.",
                "That must sting, watching them all go without you. You deserve to be asked.",
            ),
            (
                "It's my first Christmas without my kids at home.",
                "A first Christmas without the kids must feel so empty. You must miss them a lot.",
            ),
        ),
    ),
    "fear": Manner(
        goals=(
            "To reassure them and take their worry seriously.",
            "To stay calm with them and let them talk about what frightens them.",
        ),
        openings=(
            "No wonder you're scared of",
            "It must be so scary to",
            "It makes sense that you worry about",
            "I can hear how much you worry about",
        ),
        plain=(
            "That sounds really scary.",
            "I can hear how worried you are.",
        ),
        closings=(
            "What worries you the most?",
            "It makes sense to feel uneasy about it.",
            "You don't have to face it alone.",
            "I'm here with you.",
            "What would help you feel safer?",
        ),
        examples=(
            (
                "I have to give a speech on Friday and I can't sleep.",
                "No wonder you can't sleep with that speech ahead of you. What part of it worries you most?",
            ),
            (
                "I heard someone trying to open my door last night.",
                "How frightening, in your own home! I'm so glad you are safe.",
            ),
            (
                "The doctor found a lump and now I have to wait for the results.",
                "Waiting for those results must be so hard. It makes sense that you are scared.",
            ),
            (
                "My car slid on the ice and I nearly hit a truck.",
                "That sounds terrifying! I'm relieved that you are okay.",
            ),
        ),
    ),
    "anger": Manner(
        goals=(
            "To take their side and show that their anger makes sense.",
            "To let them vent and acknowledge that it was unfair.",
        ),
        openings=(
            "No wonder you're angry about",
            "It's so unfair that",
            "It must be so annoying when",
            "How frustrating that",
        ),
        plain=(
            "That is so frustrating.",
            "No wonder you are upset.",
        ),
        closings=(
            "You have every right to be upset.",
            "I would be upset, too.",
            "How did you deal with it?",
            "Did it get any better after that?",
            "You deserve better than that.",
        ),
        examples=(
            (
                "My roommate ate the food I had cooked for the week, again.",
                "Again? After you cooked for the whole week, I would be annoyed too.",
            ),
            (
                "My boss took credit for my report in front of everyone.",
                "That is so unfair, you did the work and he took the credit. No wonder you are angry.",
            ),
            (
                "Somebody scratched my new car and just drove off.",
                "Ugh, and they just drove off! You have every right to be mad.",
            ),
            (
                "My neighbor's music keeps the baby awake every night.",
                "Every night, with a baby? That must wear you out and make you furious.",
            ),
        ),
    ),
    "shame": Manner(
        goals=(
            "To ease their shame and remind them that it can happen to anyone.",
            "To be gentle and show that their regret speaks well of them.",
        ),
        openings=(
            "It must have been so embarrassing to",
            "I can hear how bad you feel about",
            "It takes courage to talk about",
            "It's okay to feel bad about",
        ),
        plain=(
            "I can hear how bad you feel about it.",
            "That must have been so uncomfortable.",
        ),
        closings=(
            "It could happen to anyone.",
            "Be gentle with yourself.",
            "It shows that you care.",
            "How do you feel about it now?",
            "Nobody is perfect.",
        ),
        examples=(
            (
                "I forgot my best friend's birthday and she was crying.",
                "I can hear how bad you feel about her birthday. It shows how much she means to you.",
            ),
            (
                "I tripped on stage and the whole school laughed at me.",
                "Oh no, in front of the whole school! That must have been so embarrassing.",
            ),
            (
                "I yelled at my little boy and he looked so scared.",
                "It must have hurt to see him scared. You feel guilty because you love him.",
            ),
            (
                "I lied to my mom about the money.",
                "That must weigh on you, when it's your mom. It takes courage to say it.",
            ),
        ),
    ),
    "disappointed": Manner(
        goals=(
            "To comfort them and acknowledge what they had hoped for.",
            "To show understanding for the letdown.",
        ),
        openings=(
            "I'm sorry that you",
            "It's such a letdown when",
            "How disappointing that",
            "It must hurt to",
        ),
        plain=(
            "That must be such a letdown.",
            "I'm sorry it went that way.",
        ),
        closings=(
            "You were really hoping for it.",
            "It's okay to be sad about it.",
            "What do you think went wrong?",
            "That isn't easy to accept.",
            "How do you feel about it now?",
        ),
        examples=(
            (
                "I trained all year and then I failed the final test.",
                "After a whole year of training, that must be such a letdown. I'm sorry it went that way.",
            ),
            (
                "My son promised to visit but he cancelled again.",
                "You were looking forward to seeing him, and he cancelled again. That must hurt.",
            ),
            (
                "The concert I waited months for got called off.",
                "Oh no, after waiting for months! I'm sorry you had to miss it.",
            ),
            (
                "I didn't get the job I wanted so badly.",
                "I'm sorry about the job, I know how much you wanted it. It's okay to be sad about it.",
            ),
        ),
    ),
    "joy": Manner(
        goals=(
            "To share their joy and ask what they look forward to.",
            "To celebrate with them.",
        ),
        openings=(
            "How wonderful that you",
            "I'm so happy that you",
            "You must be so excited about",
            "It's lovely that you",
        ),
        plain=(
            "How wonderful!",
            "I'm so happy for you!",
        ),
        closings=(
            "You deserve it!",
            "What do you like best about it?",
            "I can hear how happy you are.",
            "Tell me more about it!",
            "That must feel amazing.",
        ),
        examples=(
            (
                "We are flying to Japan in two weeks, I can't wait!",
                "Japan, how exciting! What are you looking forward to the most?",
            ),
            (
                "I just found out I'm going to be an aunt!",
                "Oh, congratulations! That baby is lucky to have such a happy aunt.",
            ),
            (
                "My best friend is coming home after a year abroad.",
                "After a whole year, that will be such a happy day! What will you do first together?",
            ),
            (
                "We won the game in the very last second!",
                "In the last second, wow! That must have felt amazing.",
            ),
        ),
        mark="!",
    ),
    "pride": Manner(
        goals=(
            "To celebrate what they achieved and the effort behind it.",
            "To show them that they can be proud.",
        ),
        openings=(
            "You must be so proud of",
            "How great that you",
            "It's wonderful that you",
            "You sound so sure of",
        ),
        plain=(
            "You must be so proud!",
            "That is a real achievement!",
        ),
        closings=(
            "All that effort paid off.",
            "You have every reason to feel good about it.",
            "How did you do it?",
            "I can hear how much it means to you.",
            "What comes next for you?",
        ),
        examples=(
            (
                "I ran my first marathon this morning.",
                "Your first marathon, congratulations! You must be so proud of yourself.",
            ),
            (
                "My daughter got the lead in the school play.",
                "The lead, how wonderful! I can hear how proud you are of her.",
            ),
            (
                "I studied for months, so I know I will pass this exam.",
                "All those months of work are going to pay off. You sound so ready for it.",
            ),
            (
                "I saved enough to buy my own house.",
                "Your own house, that is a huge achievement! You worked so hard for it.",
            ),
        ),
        mark="!",
    ),
    "gratitude": Manner(
        goals=(
            "To share their warmth and honour the bond they speak of.",
            "To affirm how much kindness means to them.",
        ),
        openings=(
            "How lovely that you",
            "It's wonderful to have",
            "You must be so thankful for",
            "It means so much to have",
        ),
        plain=(
            "That sounds so heartwarming.",
            "How lovely that is.",
        ),
        closings=(
            "It's good to have someone like that.",
            "How did it make you feel?",
            "Moments like that mean a lot.",
            "I can hear how much it means to you.",
            "Kindness like that stays with you.",
        ),
        examples=(
            (
                "A stranger paid for my groceries when I forgot my wallet.",
                "What a kind thing to do! That must have made your whole day.",
            ),
            (
                "My sister drove five hours to be with me after the surgery.",
                "Five hours, just to be with you! She must love you very much.",
            ),
            (
                "I know my wife will always be there for me.",
                "It's beautiful to trust someone like that. You two sound very close.",
            ),
            (
                "I take care of my neighbor's garden since she fell ill.",
                "That is so thoughtful of you. It must mean the world to her.",
            ),
        ),
    ),
    "memory": Manner(
        goals=(
            "To share the memory with them and let them dwell on it.",
            "To affirm how much this means to them.",
        ),
        openings=(
            "It's so nice that you",
            "It's so nice to remember",
            "You must really treasure",
            "It's lovely to think of",
        ),
        plain=(
            "What a sweet memory.",
            "That sounds so peaceful.",
        ),
        closings=(
            "What do you remember the most?",
            "Memories like that are precious.",
            "It sounds like it means a lot to you.",
            "It is good to hold on to that.",
            "Moments like that are worth keeping.",
        ),
        examples=(
            (
                "I found the letters my grandma wrote me when I was little.",
                "What a treasure to find those letters. They must bring back so many memories of her.",
            ),
            (
                "I drove past my old school and thought of the summers we had.",
                "Those summers sound special. It's lovely how one place can bring it all back.",
            ),
            (
                "I heard the song we danced to at our wedding.",
                "What a sweet memory. It must have taken you right back to that day.",
            ),
            (
                "I'm sitting on the porch with my coffee and everything is just fine.",
                "That sounds so peaceful. I'm happy you have a morning like that.",
            ),
        ),
    ),
    "surprise": Manner(
        goals=(
            "To share their amazement and show interest.",
            "To wonder with them and ask how it was.",
        ),
        openings=(
            "I can see why you were so amazed by",
            "It must have been amazing to",
            "You must have been so surprised by",
            "How surprising that",
        ),
        plain=(
            "Wow, that must have been a surprise!",
            "That really is something!",
        ),
        closings=(
            "I would not have expected that either!",
            "How did you react?",
            "That must have been quite a moment.",
            "What went through your mind?",
            "I bet you'll remember it for a long time.",
        ),
        examples=(
            (
                "My friends threw me a party and I had no idea!",
                "You had no idea? What a lovely surprise, they must care about you a lot.",
            ),
            (
                "A kid in my class solved the problem faster than the teacher.",
                "Faster than the teacher, wow! That must have been something to see.",
            ),
            (
                "I found fifty dollars in my old coat.",
                "Fifty dollars, how lucky! I bet that made you smile.",
            ),
            (
                "Our quiet dog jumped over the fence today.",
                "Over the fence, really? I would not have expected that either!",
            ),
        ),
        mark="!",
    ),
    "disgust": Manner(
        goals=(
            "To share their disgust and show that it is understandable.",
            "To acknowledge how unpleasant it was.",
        ),
        openings=(
            "How gross that",
            "It must have been awful to",
            "No wonder you feel sick about",
            "I can't blame you for",
        ),
        plain=(
            "Ugh, that sounds awful.",
            "How gross!",
        ),
        closings=(
            "I would have felt the same.",
            "What did you do then?",
            "I don't blame you at all.",
            "I hope you never have to see that again.",
            "That would turn anyone's stomach.",
        ),
        examples=(
            (
                "I found a hair in my soup and then a second one.",
                "Ew, and then a second one! I would have lost my appetite too.",
            ),
            (
                "Somebody left rotten fish in the office fridge.",
                "Rotten fish, how gross! That smell must have been awful.",
            ),
            (
                "My dog threw up on my pillow.",
                "Oh no, on your pillow! What a nasty thing to wake up to.",
            ),
            (
                "The bathroom at the bar was covered in filth.",
                "Yuck, that sounds revolting. I don't blame you for leaving.",
            ),
        ),
    ),
    "envy": Manner(
        goals=(
            "To accept their envy without judging it.",
            "To show that it is human to wish for what others have.",
        ),
        openings=(
            "It makes sense that you envy",
            "It's hard to watch",
            "I can see why you wish for",
            "It must sting to see",
        ),
        plain=(
            "That must sting.",
            "It makes sense that you feel that way.",
        ),
        closings=(
            "Feelings like that are only human.",
            "Your time will come, too.",
            "It's hard not to compare.",
            "What do you wish for the most?",
            "It's okay to want that for yourself.",
        ),
        examples=(
            (
                "My brother got a new car for his birthday and I got a card.",
                "Ouch, a car for him and a card for you. It makes sense that you feel jealous.",
            ),
            (
                "All my friends are married and I'm still single.",
                "It's hard to watch everyone else get what you wish for. Your feelings make sense.",
            ),
            (
                "My coworker got the promotion after just three months.",
                "After three months, while you have worked so hard? I would feel that sting too.",
            ),
            (
                "My neighbor is in Hawaii again and I am stuck at work.",
                "Hawaii again, while you are at work! I can see why you envy them.",
            ),
        ),
    ),
}
