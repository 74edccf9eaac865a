"""DreamTalk: expressions by diffusion from the voice, pictures by PIRenderer."""
