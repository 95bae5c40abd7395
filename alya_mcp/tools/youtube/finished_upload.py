"""Finds out whether an upload whose last answer was lost became a video."""

from collections.abc import Mapping
from datetime import timedelta
from typing import Any, Final

import anyio
import anyio.to_thread

from alya_mcp.errors import Failure, Unavailable
from alya_mcp.tools.youtube.api import RefusedByYoutube, YoutubeApi
from alya_mcp.tools.youtube.drafts import Draft
from alya_mcp.tools.youtube.sources.youtube_data import PlaylistItems
from alya_mcp.tools.youtube.uploads import Uploads, VideoUpload

_LOOKS: Final = 3
_EARLIER: Final = timedelta(minutes=5)


class FinishedUpload:
    """The search for the video of a draft among the channel's newest; `metadata` is as uploaded."""

    def __init__(self, api: YoutubeApi, uploads: Uploads, draft: Draft, metadata: Mapping[str, Any]) -> None:
        self._api = api
        self._uploads = uploads
        self._draft = draft
        self._metadata = metadata

    async def find(self, upload: VideoUpload) -> str | None:
        """The id of the video that `upload` became: one of the newest, with its title and description.

        None if there is none.

        Raises:
            Unavailable: YouTube can't be asked, so another upload might make a second video.
        """
        try:
            for tried in range(1, _LOOKS + 1):
                found = await self._search(upload)
                if found is not None or tried == _LOOKS:
                    return found
                await anyio.sleep(self._api.patience.wait(tried))  # a new video is listed a little later
        except Failure as failure:
            raise Unavailable(
                "The video may be on YouTube already: all of it was sent, and the answer was lost. Before it "
                f"is sent again the channel's newest videos have to be looked through, but: {failure} Call "
                "again later."
            ) from None

    async def _search(self, upload: VideoUpload) -> str | None:
        try:
            channel = await self._api.own_channel()
            if channel is None or not channel.content.playlists.uploads:
                return None
            params = {
                "part": "snippet,contentDetails",
                "playlistId": channel.content.playlists.uploads,
                "maxResults": 50,
            }
            listed = await self._api.get("playlistItems.list", "playlistItems", PlaylistItems, params)
        except RefusedByYoutube as refused:
            if refused.status == 404:  # a channel without a video has no such playlist yet
                return None
            raise
        since = (upload.begun_at or self._draft.created_at) - _EARLIER
        taken = await anyio.to_thread.run_sync(self._uploads.known_videos)
        snippet = self._metadata["snippet"]
        for item in listed.items:
            same = (item.snippet.title, item.snippet.description) == (
                snippet["title"],
                snippet["description"],
            )
            new = item.snippet.published_at is not None and item.snippet.published_at >= since
            if same and new and item.content.video_id and item.content.video_id not in taken:
                return item.content.video_id
        return None
