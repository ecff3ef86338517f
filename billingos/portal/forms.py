from django import forms

from subscriptions.models import CancellationFeedback
from subscriptions.serializers.lifecycle import MAX_COMMENT


class BuyerForm(forms.Form):
    """Who buys, where nobody said so before."""

    email = forms.EmailField(label="E-mail", max_length=320, widget=forms.EmailInput(attrs={"autocomplete": "email"}))
    name = forms.CharField(
        label="Name", max_length=250, required=False, widget=forms.TextInput(attrs={"autocomplete": "name"})
    )


class CancelForm(forms.Form):
    feedback = forms.ChoiceField(
        label="Why are you leaving?",
        choices=CancellationFeedback.choices,
        required=False,
        widget=forms.RadioSelect,
    )
    comment = forms.CharField(
        label="Anything you would like to add",
        required=False,
        max_length=MAX_COMMENT,
        widget=forms.Textarea(attrs={"rows": 3}),
    )
